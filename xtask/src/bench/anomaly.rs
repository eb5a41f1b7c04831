//! The forest beside others' forests, and what it adds to a checker.

mod added;
mod beside;
mod instructions;
mod zip;

use anyhow::Result;

use super::{Place, figure::Figure};

/// What of it is measured by itself, and how.
type Part = (&'static str, fn(&Place) -> Result<Vec<Figure>>);

const PARTS: [Part; 4] = [
    ("anomaly: beside others", beside::measure),
    ("anomaly: instructions a row", instructions::measure),
    ("anomaly, 10 endpoints", added::measure),
    ("anomaly: what it adds to checker.zip", zip::measure),
];

/// A part that could not be measured is told as such; the others are measured all the same.
pub(super) fn measure(place: &Place) -> Vec<Figure> {
    let measured = PARTS.map(|(what, part)| {
        part(place).unwrap_or_else(|error| vec![Figure::failed(what, format!("not run: {error:#}"))])
    });
    measured.into_iter().flatten().collect()
}
