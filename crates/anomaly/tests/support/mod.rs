//! Data that is the same on every machine.
#![allow(dead_code, reason = "each test file uses its own part")]

use anomaly::{IsolationForest, IsolationForestParams};
use ndarray::Array2;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

pub(crate) fn params(seed: u64) -> IsolationForestParams {
    IsolationForest::params().seed(seed)
}

/// Values in [0, 1), most of them near the middle: means of four draws.
pub(crate) fn cloud(rows: usize, columns: usize) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(columns as u64);
    let mut draw = || f64::from(random.next_u32()) / 4_294_967_296.0;
    Array2::from_shape_simple_fn((rows, columns), || (draw() + draw() + draw() + draw()) / 4.0)
}
