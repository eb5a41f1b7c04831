//! Scoring allocates nothing. The only test of its file: the allocator counts for the whole process.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::alloc::System;

use linfa::{
    DatasetBase,
    traits::{Fit, PredictInplace},
};
use ndarray::Array1;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{cloud, params};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn scoring_allocates_nothing() {
    let mut rows = cloud(1000, 4);
    rows[[3, 2]] = f64::NAN;
    let forest = params(1).fit(&DatasetBase::from(rows.clone())).unwrap();
    let columns = rows.t();
    let turned = columns.as_standard_layout().reversed_axes();
    let mut scores = Array1::zeros(1000);
    // What the test's own harness allocates beside it is not there each time.
    let counts = (0..20).map(|_| {
        let counted = Region::new(COUNTING);
        forest.predict_inplace(&rows, &mut scores);
        forest.predict_inplace(&turned, &mut scores);
        let one = forest.score(&[0.5, 0.5, f64::NAN, 0.5]);
        let change = counted.change();
        assert!(one.is_ok());
        change.allocations + change.reallocations
    });
    assert_eq!(counts.min(), Some(0));
}
