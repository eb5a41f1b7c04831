//! From a stated rate of false alarms to a threshold.

use serde::{Deserialize, Serialize};

use crate::AnomalyError;

/// The tail is fitted on one in so many of the fitted scores, and on how many at least.
const TAIL_OF: usize = 20;
const TAIL_ROWS: usize = 10;

/// How high usual scores go: the scores of the fitted rows, and a tail above them.
///
/// Within what was fitted a threshold is their quantile. Above all but the highest 5 % (10 rows at least) the excesses follow a
/// generalised Pareto distribution by extreme value theory; it is fitted by moments. A tail that would end is taken for
/// an exponential one: rows that were never seen are not bounded by those that were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    rows_per_day: f64,
    /// In ascending order.
    scores: Vec<f64>,
    tail: Tail,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tail {
    from: f64,
    share: f64,
    shape: f64,
    scale: f64,
}

/// What is assumed of a tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pareto,
    Exponential,
}

impl Tail {
    /// Of scores in ascending order.
    fn of(scores: &[f64], kind: Kind) -> Self {
        let rows = scores.len() as f64;
        let count = match kind {
            Kind::Pareto => TAIL_ROWS.max(scores.len() / TAIL_OF),
            Kind::Exponential => TAIL_ROWS,
        };
        let (below, above) = scores.split_at(scores.len() - count);
        let from = below.last().copied().unwrap_or_default();
        let count = count as f64;
        let mean = above.iter().map(|score| score - from).sum::<f64>() / count;
        let variance = above.iter().map(|score| (score - from - mean).powi(2)).sum::<f64>() / count;
        let (shape, scale) = match kind {
            // Moments: mean = scale / (1 − shape), variance = mean² / (1 − 2·shape).
            Kind::Pareto if mean * mean < variance => {
                let shape = 0.5 * (1.0 - mean * mean / variance);
                (shape, mean * (1.0 - shape))
            }
            Kind::Pareto => (0.0, mean),
            // Its mean is known from k excesses only: what is to be expected then is a Pareto tail of shape 1/k. Without it
            // thresholds are too low more often than too high.
            Kind::Exponential => (1.0 / count, mean),
        };
        Self { from, share: count / rows, shape, scale }
    }

    /// The score that this share of all rows exceeds.
    fn score(&self, share: f64) -> f64 {
        let folds = libm::log(self.share / share);
        let excess = if self.shape > 0.0 { libm::expm1(self.shape * folds) / self.shape } else { folds };
        self.from + self.scale * excess
    }

    /// The share of all rows that exceeds this score.
    fn share(&self, score: f64) -> f64 {
        // A tail of nothing, where the highest scores are all the same, is exceeded by anything.
        let excess = (score - self.from) / self.scale.max(f64::EPSILON);
        let folds = if self.shape > 0.0 { libm::log1p(self.shape * excess) / self.shape } else { excess };
        self.share * libm::exp(-folds)
    }
}

impl Calibration {
    /// From the scores, or better the strangeness, of the rows that the forest was fitted on, of which a day has so many.
    pub fn new(scores: Vec<f64>, rows_per_day: f64) -> Result<Self, AnomalyError> {
        Self::with_tail(scores, rows_per_day, Kind::Pareto)
    }

    /// The same of scores that grow with the logarithm of what is measured: where that has a tail by a power law, as times do,
    /// they have an exponential one. It is fitted on the 10 highest, and taken to be longer for their being so few.
    pub fn of_logarithms(scores: Vec<f64>, rows_per_day: f64) -> Result<Self, AnomalyError> {
        Self::with_tail(scores, rows_per_day, Kind::Exponential)
    }

    fn with_tail(mut scores: Vec<f64>, rows_per_day: f64, kind: Kind) -> Result<Self, AnomalyError> {
        if scores.len() < 2 * TAIL_ROWS {
            return Err(AnomalyError::TooFewScores { found: scores.len(), needed: 2 * TAIL_ROWS });
        }
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(AnomalyError::NoScore);
        }
        if !(rows_per_day.is_finite() && rows_per_day > 0.0) {
            return Err(AnomalyError::Rate(rows_per_day));
        }
        scores.sort_unstable_by(f64::total_cmp);
        let tail = Tail::of(&scores, kind);
        Ok(Self { rows_per_day, scores, tail })
    }

    /// The score above which a row is an alarm, so that usual rows give so many a day.
    ///
    /// Of scores that end at 1 it may be above that: so rarely that no score is enough.
    pub fn threshold(&self, false_alarms_per_day: f64) -> Result<f64, AnomalyError> {
        if !(false_alarms_per_day.is_finite() && false_alarms_per_day > 0.0) {
            return Err(AnomalyError::Rate(false_alarms_per_day));
        }
        let share = false_alarms_per_day / self.rows_per_day;
        if share < self.tail.share {
            return Ok(self.tail.score(share));
        }
        let rows = self.scores.len() as f64;
        // The least score that no more than that share exceeds.
        let exceeded = |at: &usize| (self.scores.len() - 1 - at) as f64 > share * rows;
        let at = (0..self.scores.len() - 1).take_while(exceeded).count();
        Ok(self.scores[at])
    }

    /// How often a day usual rows score higher than this: the scale on which different models' scores compare.
    #[must_use]
    pub fn false_alarms_per_day(&self, score: f64) -> f64 {
        let share = if score > self.tail.from {
            self.tail.share(score)
        } else {
            let above = self.scores.len() - self.scores.partition_point(|usual| *usual <= score);
            above as f64 / self.scores.len() as f64
        };
        share * self.rows_per_day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exponential scores: the share above s is e^(−s).
    fn exponential(rows: usize) -> Vec<f64> {
        (0..rows).map(|row| -libm::log((row as f64 + 0.5) / rows as f64)).collect()
    }

    #[test]
    fn within_the_fitted_scores_a_threshold_is_their_quantile() {
        let calibration = Calibration::new((0..1000).map(f64::from).collect(), 1000.0).unwrap();
        let threshold = calibration.threshold(100.0).unwrap();
        assert!((threshold - 899.0).abs() < 1e-9, "{threshold}");
        assert!((calibration.false_alarms_per_day(threshold) - 100.0).abs() < 1e-9);
        assert!(calibration.threshold(5000.0).unwrap().abs() < 1e-9);
    }

    #[test]
    fn above_them_it_is_the_tail() {
        let calibration = Calibration::new(exponential(5000), 8640.0).unwrap();
        for rate in [10.0, 1.0, 0.1] {
            let threshold = calibration.threshold(rate).unwrap();
            let true_rate = 8640.0 * libm::exp(-threshold);
            assert!((0.5..2.0).contains(&(true_rate / rate)), "{rate}: {true_rate}");
            assert!((calibration.false_alarms_per_day(threshold) / rate - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn of_logarithms_what_is_beyond_them_is_not_rarer_than_said_on_average() {
        const SETS: u32 = 300;
        let (mut draws, mut rarer) = (crate::draw::Draws::new(1, 0), 0.0);
        for _ in 0..SETS {
            let scores = (0..400).map(|_| -libm::log(1.0 - draws.unit())).collect();
            let threshold = Calibration::of_logarithms(scores, 8640.0).unwrap().threshold(0.1).unwrap();
            rarer += 8640.0 * libm::exp(-threshold) / 0.1 / f64::from(SETS);
        }
        assert!((0.5..2.0).contains(&rarer), "{rarer} times the rate that was stated");
    }

    #[test]
    fn rarer_alarms_need_higher_scores() {
        let calibration = Calibration::new(exponential(300), 8640.0).unwrap();
        let thresholds: Vec<_> =
            [5000.0, 500.0, 100.0, 10.0, 1.0, 0.1].iter().map(|rate| calibration.threshold(*rate).unwrap()).collect();
        assert!(thresholds.windows(2).all(|two| two[0] < two[1]), "{thresholds:?}");
    }

    #[test]
    fn equal_scores_alarm_at_anything_above() {
        let calibration = Calibration::new(vec![0.5; 100], 8640.0).unwrap();
        assert!((calibration.threshold(0.1).unwrap() - 0.5).abs() < 1e-9);
        assert!(calibration.false_alarms_per_day(0.6).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_calibrated_is_named() {
        assert!(matches!(Calibration::new(vec![0.5; 5], 1.0), Err(AnomalyError::TooFewScores { found: 5, .. })));
        assert!(matches!(Calibration::new(vec![f64::NAN; 50], 1.0), Err(AnomalyError::NoScore)));
        assert!(matches!(Calibration::new(vec![0.5; 50], 0.0), Err(AnomalyError::Rate(_))));
        let calibration = Calibration::new(vec![0.5; 50], 1.0).unwrap();
        assert!(matches!(calibration.threshold(-1.0), Err(AnomalyError::Rate(_))));
    }
}
