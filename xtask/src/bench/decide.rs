//! How long one decision takes.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

/// For two regions and three observers, and for three and five.
const BOUNDS: [(usize, Quantity); 2] = [(2, Quantity::Seconds(0.5e-6)), (3, Quantity::Seconds(2e-6))];

/// A line of what the example prints.
#[derive(Debug, Deserialize)]
struct Line {
    regions: usize,
    observers: usize,
    case: String,
    nanoseconds: f64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let (command, lines) = place.lines("examples/speed")?;
    let figure = |line: Line| {
        let Line { regions, observers, case, nanoseconds } = line;
        let (_, bound) = BOUNDS.into_iter().find(|(of, _)| *of == regions).context("a case without a bound")?;
        let what = format!("decide, {regions} regions × {observers} observers, {case}");
        Ok(Figure::new(what, &command, Quantity::Seconds(nanoseconds / 1e9), bound))
    };
    lines.into_iter().map(figure).collect()
}
