//! Lanes over the time of a drill, as wide as the page is: every place is a share of the width.

use maud::{Markup, PreEscaped, html};

use super::axis::steps;

/// What a stretch of a lane is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Up,
    Degraded,
    Down,
    Unknown,
    Fault,
    /// One of the regions, by its place.
    Region(usize),
    /// Between regions.
    Moving,
    /// Nobody was served.
    Nobody,
    /// Less than 99 % success.
    Failing,
    /// A good second.
    Good,
}

impl Fill {
    const fn class(self) -> &'static str {
        match self {
            Self::Up | Self::Good => "up",
            Self::Degraded => "degraded",
            Self::Down | Self::Failing => "down",
            Self::Unknown => "unknown",
            Self::Fault => "fault",
            Self::Region(0) => "region-0",
            Self::Region(1) => "region-1",
            Self::Region(_) => "region-2",
            Self::Moving => "moving",
            Self::Nobody => "nobody-served",
        }
    }
}

/// A stretch of a lane.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) fill: Fill,
    /// Written into it where there is room.
    pub(super) text: String,
    /// Written where there is little.
    pub(super) short: &'static str,
}

/// One after the other, where neighbours that say the same are one.
pub(super) fn joined(stretches: impl IntoIterator<Item = Stretch>) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    for next in stretches {
        match all.last_mut() {
            Some(last) if last.fill == next.fill && last.text == next.text => last.to = next.to,
            _ => all.push(next),
        }
    }
    all
}

/// A moment with a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) t: f64,
    pub(super) number: usize,
}

/// The time that lanes share.
#[derive(Debug, Clone)]
pub(super) struct Time {
    /// Seconds.
    pub(super) ends: f64,
    /// When a fault was there.
    pub(super) faults: Vec<(f64, f64)>,
}

const HEIGHT: u32 = 24;
/// About the width of a letter in a lane, and of a lane on a phone and at a desk, in pixels.
const LETTER: f64 = 6.4;
const NARROW: f64 = 280.0;
const WIDE: f64 = 560.0;
/// Marks nearer to each other than this share of the width go below one another.
const APART: f64 = 0.055;

impl Time {
    fn percent(&self, t: f64) -> String {
        format!("{:.3}%", (t / self.ends).clamp(0.0, 1.0) * 100.0)
    }

    fn shades(&self, height: u32) -> Markup {
        html! {
            @for (from, to) in &self.faults {
                rect.shade x=(self.percent(*from)) y="0" width=(self.percent(to - from)) height=(height) {}
            }
        }
    }

    /// A lane of stretches.
    pub(super) fn lane(&self, label: &Markup, stretches: &[Stretch]) -> Markup {
        html! {
            div.label { (label) }
            svg.lane width="100%" height=(HEIGHT) {
                (self.shades(HEIGHT))
                @for stretch in stretches { (self.stretch(stretch)) }
            }
        }
    }

    fn stretch(&self, stretch: &Stretch) -> Markup {
        let share = (stretch.to - stretch.from) / self.ends;
        let fitting = |width: f64| {
            let fits = |text: &&str| share * width >= text.chars().count() as f64 * LETTER + 10.0;
            [stretch.text.as_str(), stretch.short].into_iter().find(fits).unwrap_or_default()
        };
        let (narrow, wide) = (fitting(NARROW), fitting(WIDE));
        let written = |text: &str, class: Option<&str>| {
            html! { @if !text.is_empty() { text x="5" y="13.5" class=[class] { (text) } } }
        };
        html! {
            svg class={ "stretch " (stretch.fill.class()) } x=(self.percent(stretch.from)) y="3"
                width=(self.percent(stretch.to - stretch.from)) height="18" {
                rect width="100%" height="18" rx="2" {}
                @if narrow == wide {
                    (written(wide, None))
                } @else {
                    (written(wide, Some("roomy"))) (written(narrow, Some("tight")))
                }
            }
        }
    }

    /// A lane of numbered moments; near ones stand below one another.
    pub(super) fn marks(&self, label: &Markup, marks: &[Mark]) -> Markup {
        let mut rows: Vec<f64> = Vec::new();
        let placed: Vec<_> = marks
            .iter()
            .map(|mark| {
                let share = mark.t / self.ends;
                let free = rows.iter().position(|last| share - last >= APART);
                let row = free.unwrap_or_else(|| {
                    rows.push(share);
                    rows.len() - 1
                });
                rows[row] = share;
                (mark, row)
            })
            .collect();
        let height = 22 * u32::try_from(rows.len().max(1)).unwrap_or(1) + 4;
        html! {
            div.label { (label) }
            svg.lane.marks width="100%" height=(height) {
                (self.shades(height))
                @for (mark, row) in &placed {
                    @let (x, y) = (self.percent(mark.t), row * 22 + 13);
                    line x1=(x) x2=(x) y1="0" y2=(height) {}
                    svg x=(x) y=(y) {
                        circle r="9" {}
                        text y="4" text-anchor="middle" { (mark.number) }
                    }
                }
            }
        }
    }

    /// The axis below the lanes.
    pub(super) fn axis(&self) -> Markup {
        let marks = steps(self.ends, 9);
        html! {
            div.label {}
            svg.lane.axis width="100%" height="22" {
                @for (index, t) in marks.iter().enumerate() {
                    @let anchor = if index == 0 { "start" } else if *t > self.ends * 0.97 { "end" } else { "middle" };
                    @let x = self.percent(*t);
                    g class=[(index % 2 == 1).then_some("roomy")] {
                        line x1=(x) x2=(x) y1="0" y2="5" {}
                        text x=(x) y="18" text-anchor=(anchor) { (t) " s" }
                    }
                }
            }
        }
    }
}

/// The hatches that tell fills from each other without colour; used by all lanes of the page.
pub(super) fn patterns() -> Markup {
    const HATCHES: &str = "\
        <pattern id='hatch-degraded' width='6' height='6' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>\
        <rect width='6' height='6'/><path d='M0 0V6' stroke-width='3'/></pattern>\
        <pattern id='hatch-fault' width='7' height='7' patternUnits='userSpaceOnUse' patternTransform='rotate(-45)'>\
        <rect width='7' height='7'/><path d='M0 0V7' stroke-width='3'/></pattern>\
        <pattern id='hatch-unknown' width='5' height='5' patternUnits='userSpaceOnUse'>\
        <rect width='5' height='5'/><circle cx='2.5' cy='2.5' r='1'/></pattern>\
        <pattern id='hatch-moving' width='8' height='8' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>\
        <rect width='8' height='8'/><path d='M0 0V8' stroke-width='8'/></pattern>";
    html! {
        svg.patterns width="0" height="0" aria-hidden="true" focusable="false" { defs { (PreEscaped(HATCHES)) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_say_the_same_are_one() {
        let stretch = |from, fill| Stretch { from, to: from + 1.0, fill, text: String::new(), short: "" };
        let all = joined([stretch(0.0, Fill::Up), stretch(1.0, Fill::Up), stretch(2.0, Fill::Down)]);
        assert_eq!(all.iter().map(|it| (it.from, it.to)).collect::<Vec<_>>(), [(0.0, 2.0), (2.0, 3.0)]);
    }
}
