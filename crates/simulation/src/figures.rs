//! Times counted by their tenths of a second: as large after a million hours as after one.

use serde::Serialize;

/// Tenths of seconds up to ten minutes; what is longer counts as that.
const PLACES: usize = 6_001;

/// How often each length of time was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram(Vec<u32>);

/// Seconds that half, most and nearly all stay below; `null` where nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half.
    pub p50: Option<f64>,
    /// Most.
    pub p95: Option<f64>,
    /// Nearly all.
    pub p99: Option<f64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; PLACES])
    }
}

impl Histogram {
    /// Counts milliseconds.
    pub fn add(&mut self, milliseconds: u64) {
        let place = usize::try_from(milliseconds.div_ceil(100)).unwrap_or(usize::MAX);
        self.0[place.min(PLACES - 1)] += 1;
    }

    /// Counts what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count += more);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// The nearest rank, rounded up to a tenth of a second.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        Percentiles { p50: self.percentile(50), p95: self.percentile(95), p99: self.percentile(99) }
    }

    fn percentile(&self, percent: u64) -> Option<f64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut counted = 0;
        let place = self.0.iter().position(|count| {
            counted += u64::from(*count);
            counted >= rank
        });
        place.map(|place| place as f64 / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut times = Histogram::default();
        assert_eq!(times.percentiles().p50, None);
        (1..=100).for_each(|seconds| times.add(seconds * 1_000));
        assert_eq!(times.percentiles(), Percentiles { p50: Some(50.0), p95: Some(95.0), p99: Some(99.0) });
        times.add(9_999_999);
        assert_eq!(times.percentile(100), Some(600.0));
    }
}
