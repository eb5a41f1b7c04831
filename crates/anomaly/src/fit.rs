//! Fitting: linfa's `Fit` on checked parameters.

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
    let mut picked: Vec<usize> = (0..rows.nrows()).collect();
    if sample < rows.nrows() {
        // What is drawn depends on the place: rows in another order must be the same rows.
        picked.sort_unstable_by(|a, b| {
            let (a, b) = (rows.row(*a), rows.row(*b));
            a.iter().zip(&b).map(|(a, b)| a.order(b)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
    }
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
