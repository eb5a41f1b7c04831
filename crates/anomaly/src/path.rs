//! Path lengths: `c(n)` of the paper.

/// `c(n)` for n up to a bound: the mean depth at which a search in a random binary tree of n rows ends, `2·H(n−1) −
/// 2·(n−1)/n`, with exact harmonic numbers instead of the paper's `ln(n−1) + 0.5772`.
#[derive(Debug)]
pub(crate) struct PathLengths(Vec<f64>);

impl PathLengths {
    pub(crate) fn up_to(rows: usize) -> Self {
        let mut harmonic = 0.0;
        let mut lengths = vec![0.0];
        for n in 1..=rows {
            let before = (n - 1) as f64;
            lengths.push(2.0 * harmonic - 2.0 * before / n as f64);
            harmonic += 1.0 / n as f64;
        }
        lengths[1] = 0.0;
        Self(lengths)
    }

    pub(crate) fn know(&self, rows: usize) -> bool {
        rows < self.0.len()
    }

    /// `c(rows)`.
    pub(crate) fn of(&self, rows: usize) -> f64 {
        self.0[rows]
    }
}

/// The height limit for a subsample: its binary logarithm, rounded up.
pub(crate) fn height_limit(sample: usize) -> u32 {
    sample.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_lengths_are_exact() {
        let lengths = PathLengths::up_to(256);
        assert_eq!(lengths.of(1).to_bits(), 0.0_f64.to_bits());
        assert_eq!(lengths.of(2).to_bits(), 1.0_f64.to_bits());
        // 2·(1 + 1/2) − 2·2/3
        assert!((lengths.of(3) - 5.0 / 3.0).abs() < 1e-15);
        assert!((lengths.of(256) - 10.248_796_218_4).abs() < 1e-3, "{}", lengths.of(256));
    }

    #[test]
    fn heights_are_rounded_up() {
        let heights = [1, 2, 3, 4, 5, 255, 256, 257].map(height_limit);
        assert_eq!(heights, [0, 1, 2, 2, 3, 8, 8, 9]);
    }
}
