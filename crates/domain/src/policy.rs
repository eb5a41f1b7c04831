//! How a service is watched and when it may be moved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Period, Share};

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Watch and say what would be done; change nothing.
    Observe,
    /// Make the plan, tell people, and wait for `pointsman approve`.
    Recommend,
    /// Carry out what is decided.
    Auto,
}

/// How soon a region counts as down: a round's interval and the rounds that must fail in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// 10 s × 3.
    Steady,
    /// 3 s × 4.
    Brisk,
    /// 1 s × 5.
    Fast,
}

impl Preset {
    /// The interval between rounds.
    #[must_use]
    pub const fn interval(self) -> Period {
        match self {
            Self::Steady => Period::seconds(10),
            Self::Brisk => Period::seconds(3),
            Self::Fast => Period::seconds(1),
        }
    }

    /// Rounds in a row.
    #[must_use]
    pub const fn down_after(self) -> u32 {
        match self {
            Self::Steady => 3,
            Self::Brisk => 4,
            Self::Fast => 5,
        }
    }
}

/// How traffic returns to the preferred region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Failback {
    /// Only by `pointsman failback`.
    Manual,
    /// By itself, after `up_after` rounds and the hold-down.
    Auto,
}

/// Whether Route 53's own check may send traffic back to a region that was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NativeReturn {
    /// The region gets a check that is always unhealthy until it has been up for `up_after` rounds.
    Forbid,
    /// The region keeps its own check.
    Allow,
}

/// What a degraded region counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerdictAs {
    /// It serves: not left, and may be moved to.
    Up,
    /// It does not serve.
    Down,
}

/// What the anomaly score is used for. Alone it never moves traffic, and it never keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnomalyUse {
    /// There is none.
    Off,
    /// It is shown, and its alerts are told.
    #[default]
    Watch,
    /// Where a quorum that says down sees an anomaly too, one round less is waited for, never fewer than two.
    Shorten,
}

/// How often something may happen, a day; above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

impl Rate {
    /// Times a day.
    #[must_use]
    pub fn per_day(self) -> f64 {
        self.0
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self(0.1)
    }
}

impl TryFrom<f64> for Rate {
    type Error = String;
    fn try_from(per_day: f64) -> Result<Self, String> {
        if per_day > 0.0 && per_day.is_finite() {
            Ok(Self(per_day))
        } else {
            Err(format!("{per_day} is not a rate: write a number above 0"))
        }
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> f64 {
        rate.0
    }
}

// Never NaN.
impl Eq for Rate {}

/// A service's policy, complete: defaults are filled in when the configuration is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Who decides.
    pub mode: Mode,
    /// Time between the starts of two rounds.
    pub interval: Period,
    /// A probe that takes longer has failed; shorter than the interval.
    pub timeout: Period,
    /// Rounds in a row after which an observer's `down` counts.
    pub down_after: u32,
    /// Rounds in a row, of those in which nothing came back, after which a probe's failure counts: never fewer than
    /// `down_after`, and so many that losing as many packets by chance is rare ([`silence_after`]).
    #[serde(default)]
    pub silence_after: u32,
    /// Rounds in a row after which an observer's `up` counts for a return.
    pub up_after: u32,
    /// Observers that must agree.
    pub quorum: usize,
    /// Observers that must know anything at all, else hold.
    pub min_observers: usize,
    /// Whether a quorum also needs an independent signal.
    pub corroborate: bool,
    /// An observation older than this is `unknown`.
    pub stale_after: Period,
    /// A region that was left stays left at least this long.
    pub hold_down: Period,
    /// No automatic failover sooner than this after the last switch.
    pub cooldown: Period,
    /// Budget of automatic failovers.
    pub max_auto_failovers_per_hour: u32,
    /// Whether a second automatic failover waits until a person has acknowledged the first.
    #[serde(default)]
    pub acknowledge: bool,
    /// The window of that budget: an hour.
    pub budget_window: Period,
    /// How traffic returns.
    pub failback: Failback,
    /// What Route 53's own checks may do after a failover.
    pub native_return: NativeReturn,
    /// A region's data may be behind by this much, not more, for the policy to move there; none: it does not matter.
    #[serde(default)]
    pub rpo: Option<Period>,
    /// The share of what observers probe of a region that must be well for traffic to go there.
    #[serde(default = "half")]
    pub panic_threshold: Share,
    /// What `degraded` counts as.
    pub degraded_counts_as: VerdictAs,
    /// What the anomaly score is used for.
    #[serde(default)]
    pub anomaly: AnomalyUse,
    /// How many false alarms of each observer about each region are accepted.
    #[serde(default)]
    pub false_alarms_per_day: Rate,
    /// For how long usual rounds are watched before there is a score.
    #[serde(default = "an_hour")]
    pub learn: Period,
    /// A switch not verified within this raises the alarm.
    pub verify_within: Period,
    /// How often `GetChange` may be asked (R42).
    pub ask_every: Period,
}

impl Policy {
    /// The policy as lived by a lab that runs `speed` times faster than life.
    #[must_use]
    pub fn scaled(&self, speed: f64) -> Self {
        Self {
            interval: self.interval.scaled(speed),
            timeout: self.timeout.scaled(speed),
            stale_after: self.stale_after.scaled(speed),
            hold_down: self.hold_down.scaled(speed),
            cooldown: self.cooldown.scaled(speed),
            budget_window: self.budget_window.scaled(speed),
            rpo: self.rpo.map(|rpo| rpo.scaled(speed)),
            // A day of the lab's is shorter.
            false_alarms_per_day: Rate(self.false_alarms_per_day.0 * speed),
            learn: self.learn.scaled(speed),
            verify_within: self.verify_within.scaled(speed),
            ask_every: self.ask_every.scaled(speed),
            ..self.clone()
        }
    }
}

/// Handshakes that must all be lost before silence means more than loss: at 20 % each way, one row in a hundred and
/// fifty of one probe of one observer is lost by chance, and two kinds of probe for two observers are needed.
const HANDSHAKES: u32 = 5;

/// When a handshake that had no reply is sent again (RFC 6298's first time-out, doubled each time).
const SENT: [Period; 4] = [Period::seconds(0), Period::seconds(1), Period::seconds(3), Period::seconds(7)];

/// Rounds of silence that count as `down_after` rounds of failure do, for so patient probes.
pub(crate) fn silence_after(timeout: Period, down_after: u32) -> u32 {
    let in_a_round = SENT.iter().map(|sent| u32::from(*sent < timeout)).sum::<u32>().max(1);
    down_after.max(HANDSHAKES.div_ceil(in_a_round))
}

pub(crate) const fn an_hour() -> Period {
    Period::seconds(3_600)
}

pub(crate) fn half() -> Share {
    Share::try_from(0.5).expect("a half is between 0 and 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_needs_more_rounds_only_of_probes_that_send_once() {
        let of = |preset: Preset, timeout| silence_after(timeout, preset.down_after());
        assert_eq!(of(Preset::Steady, Period::seconds(4)), 3);
        assert_eq!(of(Preset::Brisk, Period::millis(2_400)), 4);
        assert_eq!(of(Preset::Fast, Period::millis(800)), 5);
        assert_eq!(silence_after(Period::millis(800), 3), 5);
        assert_eq!(silence_after(Period::seconds(1), 1), 5);
        assert_eq!(silence_after(Period::millis(1_001), 1), 3);
        assert_eq!(silence_after(Period::seconds(8), 1), 2);
    }
}
