//! Lines over time, drawn twice: wide for a desk and narrow for a phone.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::{
    chart::ChartBuilder,
    coord::ranged1d::Ranged,
    element::Rectangle,
    prelude::{IntoDrawingArea, SVGBackend},
    series::LineSeries,
    style::{Color, IntoTextStyle, RGBColor},
};

use super::axis::Axis;
use crate::figures::Who;

/// A colour that the drawing writes and the page's style replaces, so that one drawing serves both themes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Text = 1,
    Grid = 2,
    Fault = 3,
    Sent = 4,
    Pointsman = 5,
    Native = 6,
    Threshold = 7,
    Nobody = 8,
    P95 = 9,
    P99 = 16,
}

impl Ink {
    const ALL: [Self; 10] = [
        Self::Text,
        Self::Grid,
        Self::Fault,
        Self::Sent,
        Self::Pointsman,
        Self::Native,
        Self::Threshold,
        Self::Nobody,
        Self::P95,
        Self::P99,
    ];

    /// The custom property's name, without its dashes.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "muted",
            Self::Grid => "line",
            Self::Fault => "shade",
            Self::Sent => "sent",
            Self::Pointsman => "pointsman",
            Self::Native => "native",
            Self::Threshold => "threshold",
            Self::Nobody => "nobody",
            Self::P95 => "p95",
            Self::P99 => "p99",
        }
    }

    const fn colour(self) -> RGBColor {
        RGBColor(0, 0, self as u8)
    }
}

impl From<Who> for Ink {
    fn from(who: Who) -> Self {
        match who {
            Who::Pointsman => Self::Pointsman,
            Who::Native => Self::Native,
            Who::Threshold => Self::Threshold,
            Who::Nobody => Self::Nobody,
        }
    }
}

/// What gives a drawing's colours their meaning; a line has its dashes too, so that colour is not all.
pub(super) fn ink_rules() -> String {
    let rule = |ink: &Ink| {
        let RGBColor(red, green, blue) = ink.colour();
        let (written, name) = (format!("#{red:02X}{green:02X}{blue:02X}"), ink.name());
        format!(
            ".chart [stroke=\"{written}\"]{{stroke:var(--{name});stroke-dasharray:var(--{name}-dashes,none)}}\
             .chart [fill=\"{written}\"]{{fill:var(--{name})}}"
        )
    };
    Ink::ALL.iter().map(rule).collect()
}

/// One line of a chart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) ink: Ink,
    /// By time; a gap where nothing was measured.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// Lines over the time of a drill.
#[derive(Debug)]
pub(super) struct Chart {
    /// Unique in the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// Its message, in words made from the data.
    pub(super) message: String,
    /// Of the values.
    pub(super) values: Axis,
    /// Seconds.
    pub(super) ends: f64,
    /// Times in which a fault was there.
    pub(super) faults: Vec<(f64, f64)>,
    pub(super) lines: Vec<Line>,
}

/// Coordinates are whole numbers: a finer grid makes lines smooth.
const FINE: u32 = 4;

#[derive(Debug, Clone, Copy)]
struct Size {
    name: &'static str,
    width: u32,
    height: u32,
    marks: u32,
}

const SIZES: [Size; 2] = [
    Size { name: "wide", width: 840, height: 260, marks: 8 },
    Size { name: "narrow", width: 330, height: 220, marks: 5 },
];

impl Chart {
    pub(super) fn render(&self) -> Markup {
        html! {
            figure {
                figcaption { strong { (self.title) } " " span.muted { (self.message) } }
                ul.legend aria-hidden="true" {
                    @for line in &self.lines {
                        li { svg.key.chart width="28" height="10" {
                            (PreEscaped(format!("<line x1='1' x2='27' y1='5' y2='5' stroke='{}'/>", hex(line.ink))))
                        } (line.name) }
                    }
                    @if !self.faults.is_empty() { li { span.key.fault {} "fault" } }
                }
                @for size in SIZES {
                    @let (title, message) =
                        (format!("{}-{}-title", self.id, size.name), format!("{}-{}-message", self.id, size.name));
                    svg class={ "chart " (size.name) } role="img" aria-labelledby={ (title) " " (message) }
                        viewBox=(format!("0 0 {} {}", size.width * FINE, size.height * FINE)) {
                        title id=(title) { (self.title) }
                        desc id=(message) { (self.message) }
                        (PreEscaped(self.draw(size)))
                    }
                }
            }
        }
    }

    /// What stands between the tags of an SVG.
    fn draw(&self, size: Size) -> String {
        let mut svg = String::new();
        self.draw_on(SVGBackend::with_string(&mut svg, (size.width * FINE, size.height * FINE)), size);
        let inside = svg.split_once('>').map_or("", |(_, inside)| inside);
        inside.trim_end().trim_end_matches("</svg>").to_owned()
    }

    fn draw_on(&self, backend: SVGBackend<'_>, size: Size) {
        const IN_MEMORY: &str = "a drawing in memory has nothing to fail on";
        let root = backend.into_drawing_area();
        let Range { start: least, end: most } = self.values.range();
        let text = ("sans-serif", 15 * FINE).with_color(Ink::Text.colour()).into_text_style(&root);
        let mut chart = ChartBuilder::on(&root)
            .margin_top(8 * FINE)
            .margin_right(14 * FINE)
            .x_label_area_size(26 * FINE)
            .y_label_area_size(56 * FINE)
            .build_cartesian_2d(Axis::linear(self.ends, size.marks, "s"), self.values.clone())
            .expect(IN_MEMORY);
        let shades = self
            .faults
            .iter()
            .map(|(from, to)| Rectangle::new([(*from, least), (*to, most)], Ink::Fault.colour().filled()));
        chart.draw_series(shades).expect(IN_MEMORY);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(Ink::Grid.colour().stroke_width(FINE))
            .axis_style(Ink::Grid.colour().stroke_width(FINE))
            .label_style(text)
            .draw()
            .expect(IN_MEMORY);
        // The first line is ours, or what matters most: it lies on top.
        for line in self.lines.iter().rev() {
            for points in unbroken(&line.points) {
                let style = line.ink.colour().stroke_width(2 * FINE);
                chart.draw_series(LineSeries::new(points, style)).expect(IN_MEMORY);
            }
        }
        root.present().expect(IN_MEMORY);
    }
}

fn hex(ink: Ink) -> String {
    let RGBColor(red, green, blue) = ink.colour();
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// The parts of a line between its gaps.
fn unbroken(points: &[(f64, Option<f64>)]) -> Vec<Vec<(f64, f64)>> {
    let parts = points.split(|(_, value)| value.is_none());
    let known = |part: &[(f64, Option<f64>)]| part.iter().filter_map(|(t, value)| Some((*t, (*value)?))).collect();
    parts.filter(|part| !part.is_empty()).map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_breaks_a_line() {
        let points = [(0.0, Some(1.0)), (1.0, None), (2.0, Some(3.0)), (3.0, Some(4.0)), (4.0, None)];
        assert_eq!(unbroken(&points), [vec![(0.0, 1.0)], vec![(2.0, 3.0), (3.0, 4.0)]]);
    }
}
