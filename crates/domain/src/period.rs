//! Lengths of time, written `"10s"`.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use jiff::{
    SignedDuration,
    fmt::friendly::{Designator, Spacing, SpanParser, SpanPrinter},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time, zero or more, in files written with its unit: `"10s"`, `"250ms"`, `"1m30s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(pub Duration);

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a number and a unit, such as \"10s\", \"250ms\" or \"2m\"")]
pub struct PeriodError(String);

impl Period {
    /// A length in whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A length in milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The length as lived by a lab that runs `speed` times faster than life.
    #[must_use]
    pub fn scaled(self, speed: f64) -> Self {
        Self(self.0.div_f64(speed))
    }

    /// The length as a signed duration of `jiff`, to be added to a time.
    #[must_use]
    pub fn signed(self) -> SignedDuration {
        SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX)
    }

    /// The length in seconds.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl FromStr for Period {
    type Err = PeriodError;
    fn from_str(text: &str) -> Result<Self, PeriodError> {
        SpanParser::new().parse_unsigned_duration(text).map(Self).map_err(|_| PeriodError(text.to_owned()))
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;
    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = SpanPrinter::new()
            .designator(Designator::Compact)
            .spacing(Spacing::None)
            .unsigned_duration_to_string(&self.0);
        f.pad(&text)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a length of time with its unit",
            "examples": ["10s", "250ms", "2m"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_carry_their_unit() {
        assert_eq!("10s".parse::<Period>().unwrap(), Period::seconds(10));
        assert_eq!("250ms".parse::<Period>().unwrap(), Period::millis(250));
        assert_eq!(Period::seconds(90).to_string(), "1m30s");
        for wrong in ["10", "ten seconds", "-1s", ""] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn text_survives_a_round_trip() {
        for millis in [1, 250, 1_000, 90_000, 3_600_000, 123_456_789] {
            let period = Period::millis(millis);
            assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
        }
    }
}
