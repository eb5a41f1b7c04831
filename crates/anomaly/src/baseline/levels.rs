//! How far the levels of a phase's times are from what they usually are: what one round does not show, but several in a row do.

use super::features::{LEVELS, Moment};
use crate::{AnomalyError, Calibration};

/// A level goes as far as three hundredths at least.
const LEAST_REACH: f64 = 0.03;
/// The mean of so many, the farthest ones, is how far it goes.
const FARTHEST: usize = 10;

#[derive(Debug, Clone)]
pub(super) struct Levels {
    usual: [Usual; LEVELS],
    calibration: Calibration,
}

/// Each level has a reach of its own, so that a phase of which the machine's noise is most, as connecting is, does not hide
/// another that is steady.
#[derive(Debug, Clone, Copy)]
struct Usual {
    median: f64,
    reach: f64,
}

impl Usual {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.filter(|value| !value.is_nan()).collect();
        let median = median(&mut values);
        for value in &mut values {
            *value = (*value - median).abs();
        }
        values.sort_unstable_by(|one, other| other.total_cmp(one));
        values.truncate(FARTHEST);
        Self { median, reach: (values.iter().sum::<f64>() / values.len() as f64).max(LEAST_REACH) }
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

/// In reaches, of the level that is farthest; a missing one is nowhere.
fn farthest(usual: &[Usual; LEVELS], moment: &Moment) -> f64 {
    let far = usual.iter().zip(moment.levels()).map(|(usual, level)| (level - usual.median).abs() / usual.reach);
    far.fold(0.0, f64::max)
}

/// NaN of none.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { f64::NAN } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}
