//! A forest over a history, and how often usual rounds score how high.

use domain::{Reason, Sign};
use linfa::{DatasetBase, traits::Fit};
use ndarray::{Array2, ArrayView2};

use super::{
    features::{self, FEATURES, MISSING, Moment, STORED, TIMES},
    history,
    levels::Levels,
};
use crate::{AnomalyError, Calibration, IsolationForest, IsolationForestParams, range};

/// Of so many trees, each on so many rounds: half of what a model of the defaults takes in memory.
const TREES: usize = 100;
const SAMPLE: usize = 128;
/// As of the detector of series.
const RANGE_WEIGHT: f64 = 0.8;
/// Each part of the history is scored by a forest that was fitted on the others: rounds that were fitted on are never out of
/// range, and would make every new one look unusual.
const PARTS: usize = 4;
/// Parts take turns in stretches of rounds, so many where they are neither too short, since a round has much of its neighbours in
/// it, nor so long that a part has not seen a change for good.
const STRETCHES: usize = 16;
const STRETCH: (usize, usize) = (5, 30);
const TREES_OF_A_PART: usize = 32;
/// So many rounds' scores tell how high they go.
const CALIBRATED: usize = 1_024;
/// Before there are two days, an hour of the day is not usual yet.
const DAYS_FOR_HOURS: u32 = 2 * 86_400;
const REASONS: usize = 2;
const SIGNS: usize = Sign::Body as usize + 1;
const WHOLE: &str = "every moment writes a value a feature";

#[derive(Debug, Clone)]
pub(super) struct Model {
    forest: IsolationForest<f32>,
    calibration: Calibration,
    levels: Levels,
    /// Of each phase, by hour of the day; missing until there are days enough.
    by_hour: [[f64; 24]; TIMES],
    /// Each stored feature's median: the usual value, and what stands for a missing one.
    medians: [i16; STORED],
}

pub(super) struct Scored {
    pub(super) score: f64,
    pub(super) false_alarms_per_day: f64,
    pub(super) reasons: Vec<Reason>,
}

impl Model {
    /// Of enough rounds.
    pub(super) fn fit(moments: &[Moment], seed: u64, rounds_per_day: f64) -> Result<Self, AnomalyError> {
        let by_hour = by_hour(moments);
        let medians =
            std::array::from_fn(|feature| median(moments.iter().map(|moment| moment.values[feature]).collect()));
        let mut values = Vec::with_capacity(moments.len() * FEATURES);
        for moment in moments {
            moment.write(&medians, &by_hour, &mut values);
        }
        let params = IsolationForest::params().trees(TREES).sample(SAMPLE).seed(seed).range_weight(RANGE_WEIGHT);
        let scores = scores_of_parts(&values, &params)?;
        let rows = ArrayView2::from_shape((moments.len(), FEATURES), &values).expect(WHOLE);
        Ok(Self {
            forest: params.fit(&DatasetBase::from(rows))?,
            calibration: Calibration::of_logarithms(scores, rounds_per_day)?,
            levels: Levels::of(moments, rounds_per_day)?,
            by_hour,
            medians,
        })
    }

    pub(super) fn score(&self, moment: &Moment) -> Result<Scored, AnomalyError> {
        let mut row = Vec::with_capacity(FEATURES);
        moment.write(&self.medians, &self.by_hour, &mut row);
        let explained = self.forest.explain(&row)?;
        let mut shares: Vec<(Sign, f64)> = Vec::new();
        for (feature, share) in explained.ranked() {
            let sign = features::sign(feature);
            match shares.iter_mut().find(|(known, _)| *known == sign) {
                Some((_, sum)) => *sum += share,
                None => shares.push((sign, share)),
            }
        }
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let reason = |(sign, share)| Reason { sign, times: moment.times(sign, &self.medians), share };
        let of_round = self.calibration.false_alarms_per_day(strangeness(&self.forest, &row)?);
        let of_levels = self.levels.false_alarms_per_day(moment);
        Ok(Scored {
            score: explained.score(),
            // However far out the usual noise is: of what never happened it tells nothing.
            false_alarms_per_day: if self.forest.has_changed(&row) {
                0.0
            } else {
                // Whichever is rarer; usual rounds have two chances.
                2.0 * of_round.min(of_levels)
            },
            reasons: shares.into_iter().take(REASONS).map(reason).collect(),
        })
    }
}

/// As a forest's, but each sign counts once: a slow answer is out of range in its value, in its means and in its deviation, which
/// is one thing, not four. What never changed counts nothing here: a part of the history that has its first change would make
/// the usual noise look as if it went as far.
fn strangeness(forest: &IsolationForest<f32>, row: &[f32]) -> Result<f64, AnomalyError> {
    let mut farthest: [f64; SIGNS] = [0.0; SIGNS];
    for (feature, (range, value)) in forest.ranges.iter().zip(row).enumerate() {
        if range.varies() {
            let farthest = &mut farthest[features::sign(feature) as usize];
            *farthest = farthest.max(range.excess(*value));
        }
    }
    Ok(range::strangeness(forest.plain_score(row)?, farthest.iter().sum()))
}

/// The strangeness of each row by a forest that has not seen its part.
fn scores_of_parts(values: &[f32], params: &IsolationForestParams) -> Result<Vec<f64>, AnomalyError> {
    let params = params.clone().trees(TREES_OF_A_PART);
    let count = values.len() / FEATURES;
    let stretch = (count / STRETCHES).clamp(STRETCH.0, STRETCH.1) * FEATURES;
    let mut scores = Vec::with_capacity(count);
    for part in 0..PARTS {
        let (mut others, mut own) = (Vec::with_capacity(values.len()), Vec::new());
        for (stretch, rows) in values.chunks(stretch).enumerate() {
            if stretch % PARTS == part { own.extend_from_slice(rows) } else { others.extend_from_slice(rows) }
        }
        let others = Array2::from_shape_vec((others.len() / FEATURES, FEATURES), others).expect(WHOLE);
        let forest = params.fit(&DatasetBase::from(others))?;
        for row in own.chunks_exact(FEATURES).step_by(count.div_ceil(CALIBRATED)) {
            scores.push(strangeness(&forest, row)?);
        }
    }
    Ok(scores)
}

fn by_hour(moments: &[Moment]) -> [[f64; 24]; TIMES] {
    let mut medians = [[f64::NAN; 24]; TIMES];
    if history::span(moments) < DAYS_FOR_HOURS {
        return medians;
    }
    for (phase, medians) in medians.iter_mut().enumerate() {
        let mut values = [const { Vec::new() }; 24];
        for moment in moments.iter().filter(|moment| !moment.time(phase).is_nan()) {
            values[moment.hour()].push(moment.time(phase));
        }
        for (median, mut values) in medians.iter_mut().zip(values) {
            let middle = values.len() / 2;
            if !values.is_empty() {
                *median = *values.select_nth_unstable_by(middle, f64::total_cmp).1;
            }
        }
    }
    medians
}

/// Of those that are not missing; 0 where all are.
fn median(mut values: Vec<i16>) -> i16 {
    values.retain(|value| *value != MISSING);
    let middle = values.len() / 2;
    if values.is_empty() { 0 } else { *values.select_nth_unstable(middle).1 }
}
