//! Growing one tree into its heap.

use crate::{
    Real,
    draw::Draws,
    forest::{Cut, TreeMut},
    path::PathLengths,
    range::Range,
};

/// A subsample, a column after the other, and what is needed to cut it.
#[derive(Debug)]
pub(crate) struct Grower<'a, F> {
    /// Value of row r of the sample in feature f: at f·rows + r.
    columns: Vec<F>,
    rows: usize,
    has_missing: bool,
    /// In the order of the last random.
    features: Vec<u16>,
    lengths: &'a PathLengths,
}

impl<'a, F: Real> Grower<'a, F> {
    pub(crate) fn new(rows: usize, features: u16, lengths: &'a PathLengths) -> Self {
        let columns = vec![F::zero(); rows * usize::from(features)];
        Self { columns, rows, has_missing: false, features: Vec::with_capacity(features.into()), lengths }
    }

    /// Grows a tree on the rows whose values `value(row of the sample, feature)` gives.
    pub(crate) fn grow(
        &mut self,
        value: impl Fn(usize, usize) -> F,
        random: &mut Draws,
        tree: &mut TreeMut<'_, F>,
        order: &mut Vec<u16>,
    ) {
        let features = self.columns.len() / self.rows;
        for (feature, column) in self.columns.chunks_exact_mut(self.rows).enumerate() {
            for (row, cell) in column.iter_mut().enumerate() {
                *cell = value(row, feature);
            }
        }
        self.has_missing = self.columns.iter().any(|value| value.is_nan());
        self.features.clear();
        self.features.extend((0..=u16::MAX).take(features));
        order.clear();
        order.extend((0..=u16::MAX).take(self.rows));
        self.branch(1, order, random, tree);
    }

    fn branch(&mut self, node: usize, rows: &mut [u16], random: &mut Draws, tree: &mut TreeMut<'_, F>) {
        let cut = if tree.is_leaf(node) || rows.len() < 2 { None } else { self.draw_cut(rows, random) };
        let Some((feature, threshold)) = cut else {
            tree.end(node, rows.len(), self.lengths);
            return;
        };
        let (left, missing_right) = self.part(rows, feature, threshold);
        tree.cut(node, Cut { threshold, feature, missing_right });
        let (left, right) = rows.split_at_mut(left);
        self.branch(2 * node, left, random, tree);
        self.branch(2 * node + 1, right, random, tree);
    }

    /// A cut of a feature that varies among the rows, drawn from those that do; none where none does.
    fn draw_cut(&mut self, rows: &[u16], random: &mut Draws) -> Option<(u16, F)> {
        for left in (1..=self.features.len()).rev() {
            self.features.swap(random.below(left), left - 1);
            let feature = self.features[left - 1];
            let column = self.column(feature);
            let range = rows.iter().fold(Range::empty(), |range, row| range.with(column[usize::from(*row)]));
            if range.varies() {
                let at = random.unit();
                // Not least + at·length, which overflows over the widest ranges.
                let drawn = F::narrow(range.least.wide() * (1.0 - at) + range.greatest.wide() * at);
                let inside = drawn > range.least && drawn <= range.greatest;
                return Some((feature, if inside { drawn } else { range.greatest }));
            }
        }
        None
    }

    /// Puts the rows below the threshold first; how many those are, and whether missing values went to the others.
    fn part(&self, rows: &mut [u16], feature: u16, threshold: F) -> (usize, bool) {
        let column = self.column(feature);
        let below = part_by(rows, |row| column[usize::from(row)] < threshold);
        let others = &mut rows[below..];
        if !self.has_missing {
            return (below, others.len() > below);
        }
        let missing = part_by(others, |row| column[usize::from(row)].is_nan());
        let missing_right = others.len() - missing > below;
        (if missing_right { below } else { below + missing }, missing_right)
    }

    fn column(&self, feature: u16) -> &[F] {
        &self.columns[usize::from(feature) * self.rows..][..self.rows]
    }
}

/// Puts those rows first of which it holds; how many they are.
fn part_by(rows: &mut [u16], holds: impl Fn(u16) -> bool) -> usize {
    let mut first = 0;
    for at in 0..rows.len() {
        let it_does = holds(rows[at]);
        rows.swap(first, at);
        first += usize::from(it_does);
    }
    first
}
