//! What is looked at of each column.

use std::{
    collections::VecDeque,
    fmt::{self, Display},
};

/// Of a day.
pub(super) const HOURS: usize = 24;

/// What about a column is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// The value itself.
    Value,
    /// Its change since the row before.
    Change,
    /// Its mean over the window.
    Mean,
    /// Its standard deviation over the window.
    Deviation,
    /// Its distance from that mean.
    FromMean,
    /// Its distance from the median of this hour of the day (UTC); missing until there are enough days.
    FromHour,
}

impl Aspect {
    const ALL: [Self; 6] = [Self::Value, Self::Change, Self::Mean, Self::Deviation, Self::FromMean, Self::FromHour];
}

impl Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "value",
            Self::Change => "change",
            Self::Mean => "mean",
            Self::Deviation => "deviation",
            Self::FromMean => "distance from mean",
            Self::FromHour => "distance from the hour's median",
        })
    }
}

/// The column of a feature, and what about it.
pub(super) fn name(feature: usize) -> (usize, Aspect) {
    (feature / Aspect::ALL.len(), Aspect::ALL[feature % Aspect::ALL.len()])
}

/// A row with what rolls.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) second: i64,
    columns: Vec<Rolled>,
}

#[derive(Debug, Clone, Copy)]
struct Rolled {
    value: f64,
    change: f64,
    mean: f64,
    deviation: f64,
}

impl Moment {
    fn hour(&self) -> usize {
        usize::try_from(self.second.rem_euclid(86_400) / 3600).expect("a day has 24 hours")
    }

    /// Appends its features.
    pub(super) fn write(&self, usual: &[[f64; HOURS]], into: &mut Vec<f64>) {
        let hour = self.hour();
        for (rolled, usual) in self.columns.iter().zip(usual) {
            let Rolled { value, change, mean, deviation } = *rolled;
            into.extend([value, change, mean, deviation, value - mean, value - usual[hour]]);
        }
    }
}

/// The last rows of each column.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    window: usize,
    windows: Vec<VecDeque<f64>>,
}

impl Columns {
    pub(super) fn new(columns: usize, window: usize) -> Self {
        Self { window, windows: vec![VecDeque::with_capacity(window); columns] }
    }

    pub(super) fn count(&self) -> usize {
        self.windows.len()
    }

    /// How many features a moment has.
    pub(super) fn features(&self) -> usize {
        self.count() * Aspect::ALL.len()
    }

    /// Takes a row in.
    pub(super) fn moment(&mut self, second: i64, values: &[f64]) -> Moment {
        let columns = self.windows.iter_mut().zip(values).map(|(window, value)| {
            let before = window.back().copied().unwrap_or(f64::NAN);
            if window.len() == self.window {
                window.pop_front();
            }
            window.push_back(*value);
            let (mean, deviation) = mean_and_deviation(window);
            Rolled { value: *value, change: value - before, mean, deviation }
        });
        Moment { second, columns: columns.collect() }
    }

    /// Each column's median by hour of the day, missing where the history is of fewer days.
    pub(super) fn usual_by_hour(&self, history: &VecDeque<Moment>, days: u32) -> Vec<[f64; HOURS]> {
        let mut usual = vec![[f64::NAN; HOURS]; self.count()];
        let span = history.back().zip(history.front()).map_or(0, |(last, first)| last.second - first.second);
        if span < 86_400 * i64::from(days) {
            return usual;
        }
        for (column, usual) in usual.iter_mut().enumerate() {
            let mut by_hour = [const { Vec::new() }; HOURS];
            for moment in history.iter().filter(|moment| !moment.columns[column].value.is_nan()) {
                by_hour[moment.hour()].push(moment.columns[column].value);
            }
            for (usual, mut values) in usual.iter_mut().zip(by_hour) {
                values.sort_by(f64::total_cmp);
                *usual = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
            }
        }
        usual
    }
}

/// Of the values that are not missing; missing where all are.
fn mean_and_deviation(window: &VecDeque<f64>) -> (f64, f64) {
    let present = || window.iter().filter(|value| !value.is_nan());
    let count = present().count() as f64;
    let mean = present().sum::<f64>() / count;
    let variance = present().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, libm::sqrt(variance))
}
