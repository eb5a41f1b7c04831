//! The out-of-range term: what a forest cannot see by itself.

use crate::Real;

/// Beyond this, `tanh` is 1 to the last bit: what a change over a range of nothing counts as in a score.
const FULL: f64 = 10.0;
/// How steep the term is: a third of the range beyond its end counts as tanh(1).
const STEEPNESS: f64 = 3.0;

/// The fitted values of a feature, from the least to the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range<F> {
    pub(crate) least: F,
    pub(crate) greatest: F,
}

impl<F: Real> Range<F> {
    /// Of no values yet.
    pub(crate) fn empty() -> Self {
        Self { least: F::infinity(), greatest: F::neg_infinity() }
    }

    /// With one value more; a missing one changes nothing.
    pub(crate) fn with(self, value: F) -> Self {
        Self {
            least: if value < self.least { value } else { self.least },
            greatest: if value > self.greatest { value } else { self.greatest },
        }
    }

    /// Whether it can be cut.
    pub(crate) fn varies(self) -> bool {
        self.least < self.greatest
    }

    /// Whether a value differs from the only one there was, or there was none. A missing value does not.
    pub(crate) fn never_had(self, value: F) -> bool {
        !self.varies() && self.excess(value) > 0.0
    }

    /// How far outside a value lies, in lengths of the range, at most 10. Over a range of nothing (or of no values at
    /// all) any excess counts in full. A missing value is not outside.
    pub(crate) fn excess(self, value: F) -> f64 {
        let (least, greatest) = (self.least.wide(), self.greatest.wide());
        let value = value.wide();
        let beyond = if value > greatest {
            value - greatest
        } else if value < least {
            least - value
        } else {
            return 0.0;
        };
        let length = greatest - least;
        if length > 0.0 && beyond.is_finite() { (beyond / length).min(FULL) } else { FULL }
    }
}

/// The share of what is left up to 1 by which the excesses of a row, summed, lift its score: in [0, 1].
pub(crate) fn lift(excess: f64) -> f64 {
    libm::tanh(STEEPNESS * excess)
}

/// On a scale without an end, where `excess` goes on to count when the score is next to its highest.
pub(crate) fn strangeness(plain: f64, excess: f64) -> f64 {
    STEEPNESS * excess - libm::log((1.0 - plain).max(f64::EPSILON))
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "all of these have an exact result")]
mod tests {
    use super::*;

    fn range(values: &[f64]) -> Range<f64> {
        values.iter().fold(Range::empty(), |range, value| range.with(*value))
    }

    #[test]
    fn excess_is_counted_in_lengths_of_the_range() {
        let usual = range(&[2.0, f64::NAN, 4.0]);
        assert_eq!(
            [1.0, 2.0, 3.0, 4.0, 5.0, f64::NAN].map(|value| usual.excess(value)),
            [0.5, 0.0, 0.0, 0.0, 0.5, 0.0]
        );
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY, 1e300].map(|value| usual.excess(value)), [FULL; 3]);
    }

    #[test]
    fn a_change_in_what_never_changed_counts_in_full() {
        let constant = range(&[300.0, 300.0]);
        assert_eq!([300.0, 60.0, 300.1].map(|value| constant.excess(value)), [0.0, FULL, FULL]);
        assert_eq!([300.0, 60.0, 300.1].map(|value| constant.never_had(value)), [false, true, true]);
        let missing = range(&[f64::NAN]);
        assert_eq!([f64::NAN, 0.0].map(|value| missing.excess(value)), [0.0, FULL]);
        assert_eq!([f64::NAN, 0.0].map(|value| missing.never_had(value)), [false, true]);
        let varying = range(&[2.0, 4.0]);
        assert_eq!([3.0, 1e9].map(|value| varying.never_had(value)), [false, false]);
    }

    #[test]
    fn the_lift_is_full_at_its_end() {
        assert_eq!(lift(FULL).to_bits(), 1.0_f64.to_bits());
        assert_eq!(lift(0.0).to_bits(), 0.0_f64.to_bits());
    }
}
