import sys

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

path, seeds = sys.argv[1], int(sys.argv[2])
data = np.loadtxt(path, delimiter=",", skiprows=1)
rows, unusual = data[:, :-1], data[:, -1]
aucs = [roc_auc_score(unusual, -IsolationForest(random_state=seed).fit(rows).score_samples(rows)) for seed in range(seeds)]
print(f"{np.mean(aucs):.3f} ({np.std(aucs):.3f})")
