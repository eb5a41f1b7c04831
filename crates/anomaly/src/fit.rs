//! Fitting: linfa's `Fit` on checked parameters.

use std::cmp::Ordering;

use linfa::{DatasetBase, traits::Fit};
use ndarray::{ArrayBase, ArrayView2, Data, Ix2};

use crate::{
    AnomalyError, IsolationForest, IsolationForestValidParams, Real,
    draw::Draws,
    forest::Trees,
    grow::Grower,
    path::{PathLengths, height_limit},
    range::Range,
};

impl<F: Real, D: Data<Elem = F>, T> Fit<ArrayBase<D, Ix2>, T, AnomalyError> for IsolationForestValidParams {
    type Object = IsolationForest<F>;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Self::Object, AnomalyError> {
        let rows = dataset.records.view();
        let features = features(&rows)?;
        let ranges = ranges(&rows)?;
        Ok(IsolationForest::new(grow(self, &rows, features), ranges, self.range_weight()))
    }
}

fn features<F>(rows: &ArrayView2<'_, F>) -> Result<u16, AnomalyError> {
    if rows.ncols() == 0 {
        return Err(AnomalyError::NoFeatures);
    }
    if rows.nrows() == 0 {
        return Err(AnomalyError::NoRows);
    }
    u16::try_from(rows.ncols()).map_err(|_| AnomalyError::TooManyFeatures(rows.ncols()))
}

fn ranges<F: Real>(rows: &ArrayView2<'_, F>) -> Result<Vec<Range<F>>, AnomalyError> {
    let mut ranges = vec![Range::empty(); rows.ncols()];
    for (row, values) in rows.outer_iter().enumerate() {
        for (column, (range, value)) in ranges.iter_mut().zip(values).enumerate() {
            if value.is_infinite() {
                return Err(AnomalyError::Infinite { row, column });
            }
            *range = range.with(*value);
        }
    }
    Ok(ranges)
}

fn grow<F: Real>(params: &IsolationForestValidParams, rows: &ArrayView2<'_, F>, features: u16) -> Trees<F> {
    let sample = params.sample().min(rows.nrows());
    let lengths = PathLengths::up_to(sample);
    let mut trees = Trees::new(params.trees(), sample, height_limit(sample));
    let mut grower = Grower::new(sample, features, &lengths);
    let mut order = Vec::with_capacity(sample);
    let mut picked = if sample < rows.nrows() { in_order(rows) } else { (0..sample).collect() };
    for at in 0..params.trees() {
        let mut draws = Draws::new(params.seed(), at as u64);
        if sample < picked.len() {
            for place in 0..sample {
                let other = place + draws.below(picked.len() - place);
                picked.swap(place, other);
            }
        }
        let value = |row: usize, feature: usize| rows[[picked[row], feature]];
        grower.grow(value, &mut draws, &mut trees.tree_mut(at), &mut order);
    }
    trees
}

/// The rows' numbers in the order of their values: what is drawn depends on the place, and rows in another order are the
/// same rows.
fn in_order<F: Real>(rows: &ArrayView2<'_, F>) -> Vec<usize> {
    let by_values = |a: usize, b: usize| {
        let differ = rows.row(a).iter().zip(rows.row(b)).map(|(a, b)| a.order(b)).find(|order| order.is_ne());
        differ.unwrap_or(Ordering::Equal)
    };
    // Mostly the first value tells.
    let mut keyed: Vec<(F, usize)> = rows.column(0).iter().copied().zip(0..).collect();
    keyed.sort_unstable_by(|(a, row), (b, other)| a.order(b).then_with(|| by_values(*row, *other)));
    keyed.into_iter().map(|(_, row)| row).collect()
}
