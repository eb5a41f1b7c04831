//! What the forest adds to a checker's round of ten endpoints.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::bench::{
    Place,
    figure::{Figure, Quantity},
};

/// A figure's name as the example prints it, and its bound.
const BOUNDS: [(&str, Quantity); 4] = [
    ("a round, the median", Quantity::Seconds(5e-3)),
    ("a round in which one is fitted anew, the quickest", Quantity::Seconds(5e-3)),
    ("ten baselines with their forests", Quantity::megabytes(4)),
    ("a written baseline", Quantity::Bytes(200_000)),
];

/// A line of what the example prints.
#[derive(Debug, Deserialize)]
struct Line {
    what: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Value {
    Seconds(f64),
    Bytes(u64),
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let (command, lines) = place.lines("examples/round")?;
    let figure = |line: Line| {
        let Line { what, value } = line;
        let (_, bound) = BOUNDS.into_iter().find(|(of, _)| *of == what).context("a figure without a bound")?;
        let value = match value {
            Value::Seconds(seconds) => Quantity::Seconds(seconds),
            Value::Bytes(bytes) => Quantity::Bytes(bytes),
        };
        Ok(Figure::new(format!("anomaly, 10 endpoints: {what}"), &command, value, bound))
    };
    lines.into_iter().map(figure).collect()
}
