//! The fitted forest, and its scores.

use linfa::traits::PredictInplace;
use ndarray::{Array1, ArrayBase, ArrayView1, Data, Ix2};

use crate::{
    AnomalyError, Real,
    path::PathLengths,
    range::{Range, lift, strangeness},
};

/// Rows scored together: a tree stays in the nearest cache while they pass.
const BLOCK: usize = 64;

/// Paths that are followed side by side, a row in several trees or several rows in a tree: each waits for its own values.
const ABREAST: usize = 8;

/// A fitted isolation forest.
///
/// Scores lie in (0, 1]: about 0.5 is an average row, towards 1 is unusual.
#[derive(Debug, Clone, PartialEq)]
pub struct IsolationForest<F> {
    pub(crate) trees: Trees<F>,
    pub(crate) ranges: Vec<Range<F>>,
    pub(crate) range_weight: f64,
    /// The score's exponent a level of summed path length: −1 / (trees · c(sample)).
    exponent: f64,
}

/// Every tree as a full binary heap of the height limit's depth, padded below where a branch ended, so that a path has
/// no branch to mispredict: child = 2·node + (value ≥ threshold).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trees<F> {
    pub(crate) count: usize,
    pub(crate) sample: usize,
    pub(crate) height: u32,
    /// Nodes 1 to 2^height − 1 of each tree; an infinite threshold is padding.
    cuts: Vec<Cut<F>>,
    /// The path's length at each of the 2^height ends.
    lengths: Vec<f32>,
    /// The rows of the sample that ended there; of padded copies the first has them.
    sizes: Vec<u16>,
}

/// A cut: what it needs lies in one line of the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut<F> {
    pub(crate) threshold: F,
    pub(crate) feature: u16,
    /// Where missing values go.
    pub(crate) missing_right: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree<'a, F> {
    pub(crate) height: u32,
    cuts: &'a [Cut<F>],
    lengths: &'a [f32],
    sizes: &'a [u16],
}

#[derive(Debug)]
pub(crate) struct TreeMut<'a, F> {
    height: u32,
    cuts: &'a mut [Cut<F>],
    lengths: &'a mut [f32],
    sizes: &'a mut [u16],
}

impl<F: Real> Trees<F> {
    pub(crate) fn new(count: usize, sample: usize, height: u32) -> Self {
        let nodes = count << height;
        Self {
            count,
            sample,
            height,
            cuts: vec![Cut { threshold: F::infinity(), feature: 0, missing_right: false }; nodes],
            lengths: vec![0.0; nodes],
            sizes: vec![0; nodes],
        }
    }

    pub(crate) fn tree(&self, tree: usize) -> Tree<'_, F> {
        let width = 1 << self.height;
        let nodes = tree * width..(tree + 1) * width;
        Tree {
            height: self.height,
            cuts: &self.cuts[nodes.clone()],
            lengths: &self.lengths[nodes.clone()],
            sizes: &self.sizes[nodes],
        }
    }

    fn heaps(&self) -> impl Iterator<Item = Heap<'_, F>> {
        let width = 1 << self.height;
        let both = self.cuts.chunks_exact(width).zip(self.lengths.chunks_exact(width));
        both.map(|(cuts, lengths)| Heap { cuts, lengths })
    }

    /// The summed lengths of the paths of a row without missing values.
    fn summed<R: Row<F>>(&self, row: &R) -> f64 {
        let width = 1 << self.height;
        let mut sum = 0.0;
        let (cuts, lengths) = (self.cuts.chunks_exact(width * ABREAST), self.lengths.chunks_exact(width * ABREAST));
        for (cuts, lengths) in cuts.zip(lengths) {
            // With the usual height known when compiled, the loop is unrolled.
            let ends = if self.height == 8 { descend(8, cuts, row) } else { descend(self.height, cuts, row) };
            for end in ends {
                sum += f64::from(lengths[end]);
            }
        }
        let rest = self.count - self.count % ABREAST;
        self.heaps().skip(rest).for_each(|heap| sum += f64::from(heap.length(self.height, row)));
        sum
    }

    pub(crate) fn tree_mut(&mut self, tree: usize) -> TreeMut<'_, F> {
        let width = 1 << self.height;
        let nodes = tree * width..(tree + 1) * width;
        TreeMut {
            height: self.height,
            cuts: &mut self.cuts[nodes.clone()],
            lengths: &mut self.lengths[nodes.clone()],
            sizes: &mut self.sizes[nodes],
        }
    }
}

impl<F: Real> TreeMut<'_, F> {
    /// Whether the heap has nothing below this node.
    pub(crate) fn is_leaf(&self, node: usize) -> bool {
        node >= self.cuts.len()
    }

    pub(crate) fn cut(&mut self, node: usize, cut: Cut<F>) {
        self.cuts[node] = cut;
    }

    /// Ends the branch at this node with so many rows: all that is below it is padding.
    pub(crate) fn end(&mut self, node: usize, rows: usize, lengths: &PathLengths) {
        let level = node.ilog2();
        let ends = ends_below(node, self.height);
        self.sizes[ends.start] = u16::try_from(rows).expect("a subsample has at most 4,096 rows");
        #[allow(clippy::cast_possible_truncation, reason = "seven digits of a path's length are enough")]
        let length = (f64::from(level) + lengths.of(rows)) as f32;
        self.lengths[ends].fill(length);
    }
}

/// The ends that lie below a node of a heap.
fn ends_below(node: usize, height: u32) -> std::ops::Range<usize> {
    let below = height - node.ilog2();
    let first = (node << below) - (1 << height);
    first..first + (1 << below)
}

impl<F: Real> Tree<'_, F> {
    /// The cut at a node; none where the branch has ended.
    pub(crate) fn at(&self, node: usize) -> Option<Cut<F>> {
        self.cuts.get(node).copied().filter(|cut| cut.threshold.is_finite())
    }

    /// The rows of the sample that came to a node.
    pub(crate) fn rows(&self, node: usize) -> usize {
        self.sizes[ends_below(node, self.height)].iter().map(|rows| usize::from(*rows)).sum()
    }

    /// The length of the path of any row.
    fn length<R: Row<F>>(&self, row: &R) -> f32 {
        let mut node = 1;
        while let Some(cut) = self.at(node) {
            node = cut.child(node, row.value(cut.feature.into()));
        }
        self.lengths[ends_below(node, self.height).start]
    }
}

/// The ends of a row's paths in several trees that lie one after the other.
#[inline]
fn descend<F: Real, R: Row<F>>(height: u32, cuts: &[Cut<F>], row: &R) -> [usize; ABREAST] {
    let width = 1 << height;
    let mut nodes = [1; ABREAST];
    for _ in 0..height {
        for (tree, node) in nodes.iter_mut().enumerate() {
            let cut = &cuts[tree * width + *node];
            *node = 2 * *node + usize::from(row.value(cut.feature.into()) >= cut.threshold);
        }
    }
    let mut tree = 0;
    nodes.map(|node| {
        tree += 1;
        (tree - 1) * width + node - width
    })
}

/// What a row without missing values needs of a tree.
#[derive(Debug, Clone, Copy)]
struct Heap<'a, F> {
    cuts: &'a [Cut<F>],
    lengths: &'a [f32],
}

impl<F: Real> Heap<'_, F> {
    /// The length of its path.
    fn length<R: Row<F>>(self, height: u32, row: &R) -> f32 {
        let mut node = 1;
        for _ in 0..height {
            let cut = &self.cuts[node];
            node = 2 * node + usize::from(row.value(cut.feature.into()) >= cut.threshold);
        }
        self.lengths[node - self.lengths.len()]
    }

    /// Adds the length of each row's path to its sum.
    fn add_lengths(self, height: u32, rows: &[F], features: usize, sums: &mut [f64]) {
        let whole = sums.len() - sums.len() % ABREAST;
        let (first, rest) = sums.split_at_mut(whole);
        for (sums, rows) in first.chunks_exact_mut(ABREAST).zip(rows.chunks_exact(ABREAST * features)) {
            let mut nodes = [1; ABREAST];
            for _ in 0..height {
                for (row, node) in rows.chunks_exact(features).zip(&mut nodes) {
                    let cut = &self.cuts[*node];
                    *node = 2 * *node + usize::from(row[usize::from(cut.feature)] >= cut.threshold);
                }
            }
            for (sum, node) in sums.iter_mut().zip(nodes) {
                *sum += f64::from(self.lengths[node - self.lengths.len()]);
            }
        }
        for (sum, row) in rest.iter_mut().zip(rows[whole * features..].chunks_exact(features)) {
            *sum += f64::from(self.length(height, &row));
        }
    }
}

impl<F: Real> Cut<F> {
    /// Where a row with this value goes on from a node.
    pub(crate) fn child(&self, node: usize, value: F) -> usize {
        let right = if value.is_nan() { self.missing_right } else { value >= self.threshold };
        2 * node + usize::from(right)
    }
}

/// A row, wherever its values lie.
pub(crate) trait Row<F> {
    fn value(&self, feature: usize) -> F;
}

impl<F: Copy> Row<F> for &[F] {
    fn value(&self, feature: usize) -> F {
        self[feature]
    }
}

impl<F: Copy> Row<F> for ArrayView1<'_, F> {
    fn value(&self, feature: usize) -> F {
        self[feature]
    }
}

impl<F: Real> IsolationForest<F> {
    pub(crate) fn new(trees: Trees<F>, ranges: Vec<Range<F>>, range_weight: f64) -> Self {
        let usual = PathLengths::up_to(trees.sample).of(trees.sample);
        // One row has nothing to be told from: its path of 0 is taken for the usual one.
        let exponent = if usual > 0.0 { -1.0 / (trees.count as f64 * usual) } else { 0.0 };
        Self { trees, ranges, range_weight, exponent }
    }

    /// How many features it was fitted on.
    #[must_use]
    pub fn features(&self) -> usize {
        self.ranges.len()
    }

    /// How many rows each tree was grown on.
    #[must_use]
    pub fn sample(&self) -> usize {
        self.trees.sample
    }

    /// The score of one row; it allocates nothing.
    pub fn score(&self, row: &[F]) -> Result<f64, AnomalyError> {
        self.check(row.len())?;
        Ok(self.score_row(&row))
    }

    /// The score of one row without the out-of-range term.
    pub fn plain_score(&self, row: &[F]) -> Result<f64, AnomalyError> {
        self.check(row.len())?;
        Ok(self.plain(self.summed(&row)))
    }

    /// The score on a scale without an end: −ln(1 − plain score), and three times the range weight for each length of its range
    /// that a feature is outside; infinite where a feature that was the same in all fitted rows is not, unless that weight is 0.
    /// What never changed before and then does has a score next to 1 as a slow answer may have; here it is above all that is
    /// usual, so this is what a [`Calibration`](crate::Calibration) is best made of.
    pub fn strangeness(&self, row: &[F]) -> Result<f64, AnomalyError> {
        let plain = self.plain_score(row)?;
        if self.range_weight > 0.0 && self.has_changed(row) {
            return Ok(f64::INFINITY);
        }
        let excess: f64 = self.ranges.iter().zip(row).map(|(range, value)| range.excess(*value)).sum();
        Ok(strangeness(plain, self.range_weight * excess))
    }

    /// Whether a feature that was the same in all fitted rows, or missing in all of them, is not in this one.
    pub(crate) fn has_changed(&self, row: &[F]) -> bool {
        self.ranges.iter().zip(row).any(|(range, value)| range.never_had(*value))
    }

    pub(crate) fn check(&self, found: usize) -> Result<(), AnomalyError> {
        let fitted = self.features();
        if found == fitted { Ok(()) } else { Err(AnomalyError::Width { found, fitted }) }
    }

    fn score_row<R: Row<F>>(&self, row: &R) -> f64 {
        self.lifted(self.plain(self.summed(row)), row)
    }

    fn summed<R: Row<F>>(&self, row: &R) -> f64 {
        if self.has_missing(row) {
            (0..self.trees.count).map(|tree| f64::from(self.trees.tree(tree).length(row))).sum()
        } else {
            self.trees.summed(row)
        }
    }

    fn has_missing<R: Row<F>>(&self, row: &R) -> bool {
        (0..self.features()).any(|feature| row.value(feature).is_nan())
    }

    pub(crate) fn plain(&self, summed: f64) -> f64 {
        if self.exponent == 0.0 { 0.5 } else { libm::exp2(summed * self.exponent) }
    }

    fn lifted<R: Row<F>>(&self, plain: f64, row: &R) -> f64 {
        if self.range_weight == 0.0 {
            return plain;
        }
        let excess: f64 = self.ranges.iter().enumerate().map(|(at, range)| range.excess(row.value(at))).sum();
        plain + (1.0 - plain) * self.range_weight * lift(excess)
    }

    /// Scores rows that lie one after the other.
    fn score_block(&self, rows: &[F], scores: &mut [F]) {
        let mut sums = [0.0; BLOCK];
        let sums = &mut sums[..scores.len()];
        for heap in self.trees.heaps() {
            heap.add_lengths(self.trees.height, rows, self.features(), sums);
        }
        for ((score, sum), row) in scores.iter_mut().zip(sums).zip(rows.chunks_exact(self.features())) {
            let lifted =
                if self.has_missing(&row) { self.score_row(&row) } else { self.lifted(self.plain(*sum), &row) };
            *score = F::narrow(lifted);
        }
    }
}

/// `Predict` gives every row its score.
///
/// # Panics
///
/// Where rows and scores differ in number, or the rows have another number of features than the fitted ones, as linfa's
/// own models do.
impl<F: Real, D: Data<Elem = F>> PredictInplace<ArrayBase<D, Ix2>, Array1<F>> for IsolationForest<F> {
    fn predict_inplace<'a>(&'a self, rows: &'a ArrayBase<D, Ix2>, scores: &mut Array1<F>) {
        assert_eq!(rows.nrows(), scores.len(), "a score a row");
        assert_eq!(rows.ncols(), self.features(), "rows as wide as the fitted ones");
        if let (Some(rows), Some(scores)) = (rows.as_slice(), scores.as_slice_mut()) {
            let blocks = rows.chunks(BLOCK * self.features()).zip(scores.chunks_mut(BLOCK));
            blocks.for_each(|(rows, scores)| self.score_block(rows, scores));
        } else {
            let all = rows.outer_iter().zip(scores.iter_mut());
            all.for_each(|(row, score)| *score = F::narrow(self.score_row(&row)));
        }
    }

    fn default_target(&self, rows: &ArrayBase<D, Ix2>) -> Array1<F> {
        Array1::zeros(rows.nrows())
    }
}
