//! Moments of a lab, told in seconds of life.

use std::time::{Duration, Instant};

use domain::Period;
use jiff::Timestamp;

/// Turns moments of a lab that runs `speed` times faster than life into seconds of life.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    began: Timestamp,
    speed: f64,
}

impl Clock {
    /// Begins now.
    #[must_use]
    pub fn start(speed: f64) -> Self {
        Self { started: Instant::now(), began: Timestamp::now(), speed }
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// A moment of this process.
    #[must_use]
    pub fn at(&self, moment: Instant) -> f64 {
        moment.saturating_duration_since(self.started).as_secs_f64() * self.speed
    }

    /// A moment that another process wrote down; before the beginning it is negative.
    #[must_use]
    pub fn at_timestamp(&self, moment: Timestamp) -> f64 {
        moment.duration_since(self.began).as_secs_f64() * self.speed
    }

    /// The moment at which so much of life has passed.
    #[must_use]
    pub fn moment(&self, after: Period) -> Instant {
        self.started + after.scaled(self.speed).0
    }

    /// A length of this process in seconds of life.
    #[must_use]
    pub fn unscaled(&self, length: Duration) -> f64 {
        length.as_secs_f64() * self.speed
    }
}
