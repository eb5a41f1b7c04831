//! Which feature did it: path credit, and the out-of-range term's share.

use crate::{AnomalyError, IsolationForest, Real, path::PathLengths, range::lift};

/// Why a row has its score, feature by feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    score: f64,
    total: f64,
    credits: Vec<f64>,
}

impl Explanation {
    /// The score that is explained.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.score
    }

    /// Each feature's credit, in levels of a tree: by how many levels sooner than by halving it set the row apart.
    /// Negative where it hid the row.
    #[must_use]
    pub fn credits(&self) -> &[f64] {
        &self.credits
    }

    /// What the credits sum to: the levels that a tree saved on the way to the row, on average, and the levels that
    /// the out-of-range term is worth, `c(ψ)·log2(score / plain score)`.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The features that made the row unusual, the strongest first, with their shares of all that did, which sum to 1.
    pub fn ranked(&self) -> impl Iterator<Item = (usize, f64)> + use<> {
        let sum: f64 = self.credits.iter().filter(|credit| **credit > 0.0).sum();
        let mut ranked: Vec<_> = self.credits.iter().copied().enumerate().filter(|(_, credit)| *credit > 0.0).collect();
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        ranked.into_iter().map(move |(feature, credit)| (feature, credit / sum))
    }
}

impl<F: Real> IsolationForest<F> {
    /// Why this row has its score.
    ///
    /// Each cut on the row's path credits its feature with `log2(rows before / rows after) − 1`: 0 for halving, more for
    /// setting few apart. The out-of-range term is shared in proportion to each feature's excess.
    pub fn explain(&self, row: &[F]) -> Result<Explanation, AnomalyError> {
        self.check(row.len())?;
        let mut credits = vec![0.0; self.features()];
        let mut total = 0.0;
        for tree in 0..self.trees.count {
            let tree = self.trees.tree(tree);
            let (mut node, mut before) = (1, self.trees.sample as f64);
            while let Some(cut) = tree.at(node) {
                node = cut.child(node, row[usize::from(cut.feature)]);
                let after = tree.rows(node) as f64;
                let credit = libm::log2(before / after) - 1.0;
                credits[usize::from(cut.feature)] += credit / self.trees.count as f64;
                before = after;
            }
            let levels = libm::log2(self.trees.sample as f64 / before) - f64::from(node.ilog2());
            total += levels / self.trees.count as f64;
        }
        let (score, plain) = (self.score(row)?, self.plain_score(row)?);
        let excesses = || self.ranges.iter().zip(row).map(|(range, value)| range.excess(*value));
        let excess: f64 = excesses().sum();
        if self.range_weight > 0.0 && lift(excess) > 0.0 {
            let usual = PathLengths::up_to(self.trees.sample).of(self.trees.sample).max(1.0);
            let levels = usual * libm::log2(score / plain);
            total += levels;
            credits.iter_mut().zip(excesses()).for_each(|(credit, own)| *credit += levels * own / excess);
        }
        Ok(Explanation { score, total, credits })
    }
}
