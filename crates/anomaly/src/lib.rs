//! Isolation forest (Liu, Ting and Zhou 2008) for health data, on linfa's traits.
//!
//! A row that few random cuts separate from the rest is unusual. Scores are the paper's `2^(−E[h]/c(ψ))`, with exact
//! harmonic numbers; the same seed gives the same bits on every machine.
//!
//! What the paper leaves open is settled here:
//!
//! - A feature that is constant in a branch is not cut; another is drawn, until one varies.
//! - A forest cannot see a change in what never changed while it was fitted. [`IsolationForestParams::range_weight`]
//!   lifts a score by how far values lie outside what was fitted; 0 is the plain forest.
//! - A missing value (NaN) says nothing: it does not bound a cut, it follows the larger part of the sample, and it is
//!   never out of range. An infinite value is an error in fitting, and the farthest value of all in scoring.
//! - One row, or rows that are all the same, leave nothing to cut: every plain score is 0.5, an average row's.
//! - Fewer rows than the subsample are all taken.
//! - The order of the fitted rows does not matter.
//!
//! # Example
//!
//! Twenty usual answers of an endpoint, then one that is slow and one that has become an error.
//!
//! ```
//! use anomaly::{AnomalyError, IsolationForest};
//! use linfa::{DatasetBase, traits::{Fit, Predict}};
//! use ndarray::{Array2, array};
//!
//! # fn main() -> Result<(), AnomalyError> {
//! // Time to first byte in milliseconds, and whether it was an error.
//! let usual = Array2::from_shape_fn((20, 2), |(row, column)| [40.0 + row as f64, 0.0][column]);
//! let forest = IsolationForest::params().seed(7).fit(&DatasetBase::from(usual))?;
//!
//! let scores = forest.predict(&array![[50.0, 0.0], [130.0, 0.0], [50.0, 1.0]]);
//! assert!(scores[0] < 0.5);
//! assert!(scores[1] > 0.7 && scores[2] > 0.6);
//!
//! // Which feature did it?
//! let explained = forest.explain(&[50.0, 1.0])?;
//! assert_eq!(explained.ranked().next().map(|(feature, _)| feature), Some(1));
//! # Ok(())
//! # }
//! ```

mod baseline;
mod calibration;
mod draw;
mod error;
mod explain;
mod fit;
mod forest;
mod grow;
mod model;
mod params;
mod path;
mod range;
mod real;
mod stream;

pub use baseline::{BASELINE_VERSION, Baseline, BaselineError, Reading};
pub use calibration::Calibration;
pub use error::AnomalyError;
pub use explain::Explanation;
pub use forest::IsolationForest;
pub use model::MODEL_VERSION;
pub use params::{IsolationForestParams, IsolationForestValidParams, MAX_SAMPLE, MAX_TREES};
pub use real::Real;
pub use stream::{Aspect, Detector, DetectorParams, DetectorValidParams, Observed, Reason, Scored};
