//! A forest's parameters, and their check.

use linfa::ParamGuard;

use crate::{AnomalyError, IsolationForest};

/// The largest subsample: a padded tree takes 14 bytes a row of it.
pub const MAX_SAMPLE: usize = 4096;
/// The most trees a forest may have.
pub const MAX_TREES: usize = 10_000;

/// Parameters that were checked.
#[derive(Debug, Clone, PartialEq)]
pub struct IsolationForestValidParams {
    trees: usize,
    sample: usize,
    seed: u64,
    range_weight: f64,
}

impl IsolationForestValidParams {
    /// How many trees there are.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.trees
    }

    /// How many rows a tree is grown on, where there are so many.
    #[must_use]
    pub fn sample(&self) -> usize {
        self.sample
    }

    /// The seed of all draws.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The weight of the out-of-range term.
    #[must_use]
    pub fn range_weight(&self) -> f64 {
        self.range_weight
    }
}

/// Parameters before their check; `fit` checks them by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct IsolationForestParams(IsolationForestValidParams);

impl Default for IsolationForestParams {
    fn default() -> Self {
        Self(IsolationForestValidParams { trees: 100, sample: 256, seed: 0, range_weight: 0.5 })
    }
}

impl IsolationForestParams {
    /// How many trees; 100 unless said.
    #[must_use]
    pub fn trees(mut self, trees: usize) -> Self {
        self.0.trees = trees;
        self
    }

    /// How many rows each tree is grown on, drawn without replacement; 256 unless said.
    #[must_use]
    pub fn sample(mut self, sample: usize) -> Self {
        self.0.sample = sample;
        self
    }

    /// The seed of all draws; 0 unless said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }

    /// How much of what is left up to 1 a row far outside the fitted ranges gets, from 0 (the plain forest) to 1; 0.5
    /// unless said.
    #[must_use]
    pub fn range_weight(mut self, weight: f64) -> Self {
        self.0.range_weight = weight;
        self
    }
}

impl ParamGuard for IsolationForestParams {
    type Checked = IsolationForestValidParams;
    type Error = AnomalyError;

    fn check_ref(&self) -> Result<&Self::Checked, Self::Error> {
        let IsolationForestValidParams { trees, sample, range_weight, .. } = self.0;
        if !(1..=MAX_TREES).contains(&trees) {
            return Err(AnomalyError::Trees(trees));
        }
        if !(2..=MAX_SAMPLE).contains(&sample) {
            return Err(AnomalyError::Sample(sample));
        }
        if !(0.0..=1.0).contains(&range_weight) {
            return Err(AnomalyError::RangeWeight(range_weight));
        }
        Ok(&self.0)
    }

    fn check(self) -> Result<Self::Checked, Self::Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl IsolationForest<f64> {
    /// Parameters to begin with. The forest is over `f32` or `f64` as the rows are that it is fitted on.
    #[must_use]
    pub fn params() -> IsolationForestParams {
        IsolationForestParams::default()
    }
}
