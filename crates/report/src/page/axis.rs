//! An axis with round marks, which goes up evenly or by factors.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// How values go up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Evenly.
    Linear,
    /// By factors.
    Log,
}

/// From the least to the most that is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    marks: Vec<f64>,
    unit: &'static str,
}

impl Axis {
    /// From nothing, with so many marks at most.
    pub(super) fn linear(to: f64, marks: u32, unit: &'static str) -> Self {
        Self { scale: Scale::Linear, from: 0.0, to, marks: steps(to, marks), unit }
    }

    /// Over values, a mark at 1, 2, 5, 10, … of the unit.
    pub(super) fn log(values: impl Iterator<Item = f64>, unit: &'static str) -> Self {
        let (least, most) = values.fold((f64::INFINITY, 1.0_f64), |(least, most), it| (least.min(it), most.max(it)));
        let round = || {
            let mut power = 0.1;
            std::iter::from_fn(move || {
                power *= 10.0;
                Some([power, 2.0 * power, 5.0 * power])
            })
            .flatten()
            // A number that is not one must not make it endless.
            .take(30)
        };
        // Of no value the least is endless.
        let from = round().take_while(|mark| *mark <= least.min(most)).last().unwrap_or(1.0);
        let to = round().find(|mark| *mark >= most && *mark > from).unwrap_or(most.min(f64::MAX));
        let marks = round().filter(|mark| (from..=to).contains(mark)).collect();
        Self { scale: Scale::Log, from, to, marks, unit }
    }

    fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Log => (value / self.from).ln() / (self.to / self.from).ln(),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "a place on a drawing")]
        let along = (self.place(*value) * f64::from(to - from)).round() as i32;
        from + along
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        format!("{} {}", (value * 1e3).round() / 1e3, self.unit)
    }
}

/// Round numbers from nothing to the most, so many or fewer.
pub(super) fn steps(most: f64, marks: u32) -> Vec<f64> {
    let rough = most / f64::from(marks.max(1));
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(most);
    (0..=marks).map(|mark| f64::from(mark) * step).take_while(|mark| *mark <= most * 1.000_001).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round() {
        assert_eq!(steps(140.0, 9), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0]);
        assert_eq!(steps(2.4, 5), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(steps(100.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn factors_are_equally_far_apart() {
        let axis = Axis::log([41.0, 158.0].into_iter(), "ms");
        assert_eq!(
            axis,
            Axis { scale: Scale::Log, from: 20.0, to: 200.0, marks: vec![20.0, 50.0, 100.0, 200.0], unit: "ms" }
        );
        assert_eq!((axis.map(&20.0, (300, 0)), axis.map(&200.0, (300, 0))), (300, 0));
        assert_eq!(axis.map(&40.0, (0, 1_000)) - axis.map(&20.0, (0, 1_000)), 301);
    }

    #[test]
    fn an_axis_over_nothing_is_one_still() {
        let axis = Axis::log(std::iter::empty(), "ms");
        assert!(axis.from < axis.to && !axis.marks.is_empty(), "{axis:?}");
    }
}
