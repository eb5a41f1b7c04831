//! What can go wrong, by name.

use crate::params::{MAX_SAMPLE, MAX_TREES};

/// Why there is no forest, score or threshold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnomalyError {
    /// The number of trees is 0, or so large that it must be a mistake.
    #[error("a forest of {0} trees: it must have between 1 and {MAX_TREES}")]
    Trees(usize),
    /// The subsample is too small to be cut, or too large for a padded tree.
    #[error("a subsample of {0} rows: it must have between 2 and {MAX_SAMPLE}")]
    Sample(usize),
    /// The weight of the out-of-range term is not a share.
    #[error("a range weight of {0}: it must be between 0 and 1")]
    RangeWeight(f64),
    /// There is nothing to fit on.
    #[error("no rows to fit a forest on")]
    NoRows,
    /// The rows have no features.
    #[error("rows without features cannot be fitted")]
    NoFeatures,
    /// More features than a tree can name.
    #[error("{0} features: a forest takes at most {max}", max = u16::MAX)]
    TooManyFeatures(usize),
    /// More rows than can be numbered to be drawn from.
    #[error("{0} rows: 4,294,967,295 at most can be drawn from")]
    TooManyRows(usize),
    /// An infinite value among the rows to fit on.
    #[error("row {row}, column {column} is infinite: a forest is fitted on finite or missing values")]
    Infinite {
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        column: usize,
    },
    /// A row to score is of another width than the fitted ones.
    #[error("a row of {found} features for a forest fitted on {fitted}")]
    Width {
        /// The features of the row.
        found: usize,
        /// The features that the forest was fitted on.
        fitted: usize,
    },
    /// Too few scores to say how high usual ones go.
    #[error("{found} scores to calibrate on: {needed} are needed")]
    TooFewScores {
        /// How many there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A number of rows among a detector's parameters that is too small.
    #[error("`{name}` is {found} rows: it must be at least {needed}")]
    TooFewRows {
        /// The parameter.
        name: &'static str,
        /// What it was set to.
        found: usize,
        /// The least.
        needed: usize,
    },
    /// A score that is no number.
    #[error("a score to calibrate on is not a finite number")]
    NoScore,
    /// A rate that is none.
    #[error("{0} a day: a rate must be above 0")]
    Rate(f64),
    /// From linfa.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}
