# Answers each line `fit ROWS`, `row` or `batch ROWS` with the seconds that one run took.
import sys
import time

import numpy as np
from sklearn.ensemble import IsolationForest

random = np.random.default_rng(1)
rows = {n: random.standard_normal((n, 6)) for n in (256, 1000, 10_000, 100_000)}
forest = IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=1).fit(rows[10_000])

print("ready", flush=True)
for line in sys.stdin:
    what, *number = line.split()
    data = rows[int(number[0])] if number else rows[256][:1]
    start = time.perf_counter()
    if what == "fit":
        IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=1).fit(data)
    else:
        forest.score_samples(data)
    print(time.perf_counter() - start, flush=True)
