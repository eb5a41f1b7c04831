//! Features on a scale on which a few extreme values do not take up all cuts.

/// asinh((value − median) / spread), a feature: linear near the median, logarithmic far from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling(Vec<Scale>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    median: f64,
    spread: f64,
}

impl Scale {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values.get(values.len() * quarter / 4).copied().unwrap_or_default();
        let (median, quartiles) = (at(2), at(3) - at(1));
        // Half of the values may be the same.
        let spread = if quartiles > 0.0 { quartiles } else { deviation(&values) };
        Self { median, spread: if spread > 0.0 && spread.is_finite() { spread } else { 1.0 } }
    }
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    libm::sqrt(values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count)
}

impl Scaling {
    /// Of rows one after the other.
    pub(super) fn of(values: &[f64], features: usize) -> Self {
        let column = |feature| values.iter().skip(feature).step_by(features).copied();
        Self(
            (0..features).map(|feature| Scale::of(column(feature).filter(|value| !value.is_nan()).collect())).collect(),
        )
    }

    pub(super) fn apply(&self, row: &mut [f64]) {
        for (value, scale) in row.iter_mut().zip(&self.0) {
            *value = libm::asinh((*value - scale.median) / scale.spread);
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "all of these have an exact result")]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_middle_half() {
        let scale = Scale::of((0..100).map(f64::from).chain([1e9]).collect());
        assert_eq!(scale, Scale { median: 50.0, spread: 50.0 });
    }

    #[test]
    fn where_half_are_the_same_it_is_the_deviation_of_all() {
        assert_eq!(Scale::of(vec![0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 4.0]), Scale { median: 0.0, spread: 4.0 });
        assert_eq!(Scale::of(vec![7.0; 9]), Scale { median: 7.0, spread: 1.0 });
        assert_eq!(Scale::of(vec![]), Scale { median: 0.0, spread: 1.0 });
    }

    #[test]
    fn missing_values_stay_missing() {
        let mut rows = [1.0, f64::NAN, 3.0, 5.0];
        let scaling = Scaling::of(&rows, 2);
        scaling.apply(&mut rows[..2]);
        assert!(rows[1].is_nan());
    }
}
