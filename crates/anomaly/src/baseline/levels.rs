//! How far the levels of a phase's times are from what they usually are: what one round does not show, but several in a row do.

use super::features::{LEVELS, Moment};
use crate::{AnomalyError, Calibration};

/// A level varies by a hundredth at least.
const LEAST_SPREAD: f64 = 0.01;
/// From a median absolute deviation to the standard deviation of a normal distribution.
const NORMAL: f64 = 1.4826;

#[derive(Debug, Clone)]
pub(super) struct Levels {
    usual: [Usual; LEVELS],
    calibration: Calibration,
}

#[derive(Debug, Clone, Copy)]
struct Usual {
    median: f64,
    spread: f64,
}

impl Usual {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.filter(|value| !value.is_nan()).collect();
        let median = median(&mut values);
        for value in &mut values {
            *value = (*value - median).abs();
        }
        Self { median, spread: (NORMAL * self::median(&mut values)).max(LEAST_SPREAD) }
    }
}

impl Levels {
    pub(super) fn of(moments: &[Moment], rounds_per_day: f64) -> Result<Self, AnomalyError> {
        let usual = std::array::from_fn(|at| Usual::of(moments.iter().map(|moment| moment.levels()[at])));
        let scores = moments.iter().map(|moment| farthest(&usual, moment)).collect();
        Ok(Self { usual, calibration: Calibration::of_logarithms(scores, rounds_per_day)? })
    }

    /// How often a day usual rounds' levels are as far out.
    pub(super) fn false_alarms_per_day(&self, moment: &Moment) -> f64 {
        self.calibration.false_alarms_per_day(farthest(&self.usual, moment))
    }
}

/// In standard deviations, of the level that is farthest; a missing one is nowhere.
fn farthest(usual: &[Usual; LEVELS], moment: &Moment) -> f64 {
    let far = usual.iter().zip(moment.levels()).map(|(usual, level)| (level - usual.median).abs() / usual.spread);
    far.fold(0.0, f64::max)
}

/// NaN of none.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { f64::NAN } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}
