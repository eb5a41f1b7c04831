//! Scores of a series as it comes: rolling features, refitted on a schedule, one alert an episode.

mod features;
mod params;
mod scaling;

use std::collections::VecDeque;

use linfa::{DatasetBase, traits::Fit};
use ndarray::Array2;

use crate::{AnomalyError, Calibration, IsolationForest};

pub use features::Aspect;
pub use params::{DetectorParams, DetectorValidParams};

use features::{Columns, HOURS, Moment};
use scaling::Scaling;

/// What a detector says of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// There are too few rows yet for a score.
    Learning,
    /// A score.
    Scored(Scored),
}

/// A row's score in a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// From 0 to 1, as the forest says.
    pub score: f64,
    /// How often a day usual rows score higher: the scale on which series compare.
    pub false_alarms_per_day: f64,
    /// Less usual than all rows of the episode before it, so that it may alert.
    pub leads: bool,
    /// It leads, usual rows score higher less often than the stated rate, and no row of the episode before it alerted.
    pub alert: bool,
}

/// Why a row of a stream is unusual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reason {
    /// The column, counted from 0.
    pub column: usize,
    /// What about it.
    pub aspect: Aspect,
    /// The share of all that makes the row unusual, from 0 to 1.
    pub share: f64,
}

/// Watches the columns of a series.
#[derive(Debug, Clone)]
pub struct Detector {
    params: DetectorValidParams,
    columns: Columns,
    /// The rows to fit on.
    history: VecDeque<Moment>,
    rows: usize,
    model: Option<Model>,
    /// How usual the rows of the episode's length before now were.
    recent: VecDeque<f64>,
    /// How many rows more belong to the episode of the last alert.
    quiet: usize,
    /// What was scored last.
    last: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Model {
    forest: IsolationForest<f64>,
    scaling: Scaling,
    calibration: Calibration,
    /// Each column's usual value by hour of the day.
    usual: Vec<[f64; HOURS]>,
}

impl Detector {
    /// Of so many columns.
    pub(crate) fn new(params: DetectorValidParams, columns: usize) -> Self {
        let columns = Columns::new(columns, params.window);
        Self {
            params,
            columns,
            history: VecDeque::new(),
            rows: 0,
            model: None,
            recent: VecDeque::new(),
            quiet: 0,
            last: Vec::new(),
        }
    }

    /// Takes the row of a moment, in seconds since 1970, and says how unusual it is. Missing values are NaN.
    ///
    /// The row is scored by what was before it; then it is part of what the next ones are scored by.
    pub fn observe(&mut self, second: i64, values: &[f64]) -> Result<Observed, AnomalyError> {
        let (found, fitted) = (values.len(), self.columns.count());
        if found != fitted {
            return Err(AnomalyError::Width { found, fitted });
        }
        if let Some(column) = values.iter().position(|value| value.is_infinite()) {
            return Err(AnomalyError::Infinite { row: self.rows, column });
        }
        self.refit_if_due()?;
        let moment = self.columns.moment(second, values);
        let observed = self.score(&moment)?;
        self.rows += 1;
        self.history.push_back(moment);
        if self.history.len() > self.params.history {
            self.history.pop_front();
        }
        Ok(observed)
    }

    /// Why the last row has its score, the strongest reason first; empty while learning, and for a usual row.
    pub fn reasons(&self) -> Result<Vec<Reason>, AnomalyError> {
        let Some(model) = self.model.as_ref().filter(|_| !self.last.is_empty()) else { return Ok(Vec::new()) };
        let explained = model.forest.explain(&self.last)?;
        let reasons = explained.ranked().map(|(feature, share)| {
            let (column, aspect) = features::name(feature);
            Reason { column, aspect, share }
        });
        Ok(reasons.collect())
    }

    fn score(&mut self, moment: &Moment) -> Result<Observed, AnomalyError> {
        let Some(model) = &self.model else { return Ok(Observed::Learning) };
        self.last.clear();
        moment.write(&model.usual, &mut self.last);
        model.scaling.apply(&mut self.last);
        let score = model.forest.score(&self.last)?;
        let rate = model.calibration.false_alarms_per_day(model.forest.strangeness(&self.last)?);
        let leads = self.recent.iter().all(|before| rate < *before);
        self.recent.push_back(rate);
        if self.recent.len() > self.params.episode {
            self.recent.pop_front();
        }
        let alert = leads && rate < self.params.false_alarms_per_day && self.quiet == 0;
        self.quiet = if alert { self.params.episode } else { self.quiet.saturating_sub(1) };
        Ok(Observed::Scored(Scored { score, false_alarms_per_day: rate, leads, alert }))
    }

    fn refit_if_due(&mut self) -> Result<(), AnomalyError> {
        let Some(since) = self.rows.checked_sub(self.params.learn) else { return Ok(()) };
        if since % self.params.refit == 0 {
            self.model = Some(self.fit()?);
        }
        Ok(())
    }

    fn fit(&self) -> Result<Model, AnomalyError> {
        let usual = self.columns.usual_by_hour(&self.history, self.params.days_for_hours);
        let mut values = Vec::new();
        self.history.iter().for_each(|moment| moment.write(&usual, &mut values));
        let scaling = Scaling::of(&values, self.columns.features());
        values.chunks_exact_mut(self.columns.features()).for_each(|row| scaling.apply(row));
        let rows = Array2::from_shape_vec((self.history.len(), self.columns.features()), values)
            .expect("every moment writes a value a feature");
        let dataset = DatasetBase::from(rows);
        let forest = self.params.forest.fit(&dataset)?;
        let scores = dataset
            .records
            .outer_iter()
            .map(|row| forest.strangeness(row.as_slice().expect("a new array has its rows one after the other")));
        let calibration = Calibration::new(scores.collect::<Result<_, _>>()?, self.rows_per_day())?;
        Ok(Model { forest, scaling, calibration, usual })
    }

    /// As the history has it; a row a second where its times do not go on.
    fn rows_per_day(&self) -> f64 {
        let span = self.history.back().zip(self.history.front()).map_or(0, |(last, first)| last.second - first.second);
        let rows = self.history.len() as f64 - 1.0;
        86_400.0 * if span > 0 { rows / span as f64 } else { 1.0 }
    }
}
