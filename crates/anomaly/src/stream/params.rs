//! A detector's parameters, and their check.

use linfa::ParamGuard;

use crate::{AnomalyError, Detector, IsolationForest, IsolationForestParams, IsolationForestValidParams};

/// Parameters that were checked.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorValidParams {
    pub(super) forest: IsolationForestValidParams,
    pub(super) window: usize,
    pub(super) learn: usize,
    pub(super) refit: usize,
    pub(super) history: usize,
    pub(super) episode: usize,
    pub(super) days_for_hours: u32,
    pub(super) false_alarms_per_day: f64,
}

impl DetectorValidParams {
    /// A detector for rows of so many columns.
    #[must_use]
    pub fn detector(self, columns: usize) -> Detector {
        Detector::new(self, columns)
    }
}

/// Parameters before their check.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorParams {
    forest: IsolationForestParams,
    rest: DetectorValidParams,
}

impl Default for DetectorParams {
    fn default() -> Self {
        let forest = IsolationForest::params().range_weight(0.8);
        let rest = DetectorValidParams {
            forest: forest.clone().check_unwrap(),
            window: 24,
            learn: 600,
            refit: 250,
            history: 20_000,
            episode: 144,
            days_for_hours: 2,
            false_alarms_per_day: 0.1,
        };
        Self { forest, rest }
    }
}

impl DetectorParams {
    /// The forest's own parameters; a range weight of 0.8 and else its defaults, unless said.
    #[must_use]
    pub fn forest(mut self, forest: IsolationForestParams) -> Self {
        self.forest = forest;
        self
    }

    /// The seed of all draws; 0 unless said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.forest = self.forest.seed(seed);
        self
    }

    /// Over how many rows the rolling features go; 24 unless said.
    #[must_use]
    pub fn window(mut self, rows: usize) -> Self {
        self.rest.window = rows;
        self
    }

    /// After how many rows there is a first score; 600 unless said.
    #[must_use]
    pub fn learn(mut self, rows: usize) -> Self {
        self.rest.learn = rows;
        self
    }

    /// After how many more it is fitted again; 250 unless said.
    #[must_use]
    pub fn refit(mut self, rows: usize) -> Self {
        self.rest.refit = rows;
        self
    }

    /// How many rows it is fitted on at most, the newest; 20,000 unless said. A long history scores better.
    #[must_use]
    pub fn history(mut self, rows: usize) -> Self {
        self.rest.history = rows;
        self
    }

    /// For how many rows after an alert there is no other, and how many rows the next one must outdo; 144 unless said.
    #[must_use]
    pub fn episode(mut self, rows: usize) -> Self {
        self.rest.episode = rows;
        self
    }

    /// How many days there must be before what is usual at an hour of the day is used; 2 unless said.
    #[must_use]
    pub fn days_for_hours(mut self, days: u32) -> Self {
        self.rest.days_for_hours = days;
        self
    }

    /// How many false alarms a day are accepted; 0.1 unless said.
    #[must_use]
    pub fn false_alarms_per_day(mut self, rate: f64) -> Self {
        self.rest.false_alarms_per_day = rate;
        self
    }

    /// The checked parameters.
    pub fn check(self) -> Result<DetectorValidParams, AnomalyError> {
        let mut valid = self.rest;
        valid.forest = self.forest.check()?;
        let least = [
            ("window", valid.window, 2),
            ("learn", valid.learn, 20),
            ("refit", valid.refit, 1),
            ("history", valid.history, valid.learn),
        ];
        for (name, found, needed) in least {
            if found < needed {
                return Err(AnomalyError::TooFewRows { name, found, needed });
            }
        }
        let rate = valid.false_alarms_per_day;
        if rate.is_finite() && rate > 0.0 { Ok(valid) } else { Err(AnomalyError::Rate(rate)) }
    }
}
