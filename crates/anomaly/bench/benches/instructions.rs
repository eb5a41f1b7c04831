//! Instructions that a score takes, counted by Valgrind: the same however busy the machine is.

#![allow(missing_docs, reason = "the macros make public items")]

use std::hint::black_box;

use anomaly::IsolationForest;
use gungraun::{library_benchmark, library_benchmark_group, main};
use linfa::{
    DatasetBase,
    traits::{Fit, PredictInplace},
};
use ndarray::{Array1, Array2};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// It is given back when scored, so that freeing it is not counted.
type Prepared = (IsolationForest<f64>, Array2<f64>, Array1<f64>);

/// A forest of the defaults on 1,000 rows of six features, and so many rows to score.
fn prepared(count: usize) -> Prepared {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut rows = |count| Array2::from_shape_simple_fn((count, 6), || f64::from(random.next_u32()));
    let forest = IsolationForest::params().range_weight(0.0).seed(1).fit(&DatasetBase::from(rows(1000)));
    (forest.expect("finite rows"), rows(count), Array1::zeros(count))
}

#[library_benchmark(setup = prepared)]
#[bench::rows_1(1)]
fn one((forest, rows, scores): Prepared) -> Prepared {
    let row = rows.as_slice().expect("a row lies in one piece");
    let _ = black_box(forest.score(black_box(row)));
    (forest, rows, scores)
}

#[library_benchmark(setup = prepared)]
#[bench::rows_1000(1000)]
fn batch((forest, rows, mut scores): Prepared) -> Prepared {
    forest.predict_inplace(black_box(&rows), &mut scores);
    (forest, rows, scores)
}

library_benchmark_group!(name = scoring, benchmarks = [one, batch]);
main!(library_benchmark_groups = scoring);
