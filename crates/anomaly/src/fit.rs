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
        let sampled = self.sample() < rows.nrows();
        let (ranges, hashes) = ranges_and_hashes(&rows, sampled)?;
        let picked = if sampled { in_order(&rows, &hashes)? } else { Vec::new() };
        Ok(IsolationForest::new(grow(self, &rows, features, picked), ranges, self.range_weight()))
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

/// What must be known of all rows, in one pass: most of a fit's time where they are many. Hashes only where they are asked for.
fn ranges_and_hashes<F: Real>(
    rows: &ArrayView2<'_, F>,
    sampled: bool,
) -> Result<(Vec<Range<F>>, Vec<u32>), AnomalyError> {
    let mut ranges = vec![Range::empty(); rows.ncols()];
    let mut hashes = Vec::with_capacity(if sampled { rows.nrows() } else { 0 });
    for_each_row(rows, |row| {
        ranges.iter_mut().zip(row).for_each(|(range, value)| *range = range.with(*value));
        if sampled {
            hashes.push(hash(row));
        }
    });
    // An infinite value is the end of its column's range: looked for only where there is one.
    if ranges.iter().any(|range| range.least == F::neg_infinity() || range.greatest == F::infinity()) {
        let mut values = rows.indexed_iter();
        if let Some(((row, column), _)) = values.find(|(_, value)| value.is_infinite()) {
            return Err(AnomalyError::Infinite { row, column });
        }
    }
    Ok((ranges, hashes))
}

/// Where `picked` is empty every tree is grown on all rows.
fn grow<F: Real>(
    params: &IsolationForestValidParams,
    rows: &ArrayView2<'_, F>,
    features: u16,
    mut picked: Vec<u64>,
) -> Trees<F> {
    let sample = params.sample().min(rows.nrows());
    let lengths = PathLengths::up_to(sample);
    let mut trees = Trees::new(params.trees(), sample, height_limit(sample));
    let mut grower = Grower::new(sample, features, &lengths);
    let mut order = Vec::with_capacity(sample);
    for at in 0..params.trees() {
        let mut draws = Draws::new(params.seed(), at as u64);
        if picked.is_empty() {
            grower.grow(|row, feature| rows[[row, feature]], &mut draws, &mut trees.tree_mut(at), &mut order);
            continue;
        }
        for place in 0..sample {
            let other = place + draws.below(picked.len() - place);
            picked.swap(place, other);
        }
        let value = |row: usize, feature: usize| rows[[number(picked[row]), feature]];
        grower.grow(value, &mut draws, &mut trees.tree_mut(at), &mut order);
    }
    trees
}

/// The rows' numbers, in the low half, in an order that only their values decide: what is drawn depends on the place, and rows in
/// another order are the same rows. It is the order of their hashes, the high half, since that takes no sorting to speak of.
fn in_order<F: Real>(rows: &ArrayView2<'_, F>, hashes: &[u32]) -> Result<Vec<u64>, AnomalyError> {
    let count = u32::try_from(rows.nrows()).map_err(|_| AnomalyError::TooManyRows(rows.nrows()))?;
    // Of one row each, more or less.
    let bits = rows.nrows().next_power_of_two().trailing_zeros().max(1);
    let bucket = |hash: u32| (hash >> (u32::BITS - bits)) as usize;
    // How many rows a bucket has, then where it ends, then, filled from behind, where it starts.
    let mut starts = vec![0_u32; 1 << bits];
    for hash in hashes {
        starts[bucket(*hash)] += 1;
    }
    let mut rows_before = 0;
    for count in &mut starts {
        rows_before += *count;
        *count = rows_before;
    }
    let mut order = vec![0; rows.nrows()];
    for (row, hash) in (0..count).zip(hashes).rev() {
        let place = &mut starts[bucket(*hash)];
        *place -= 1;
        order[*place as usize] = u64::from(*hash) << 32 | u64::from(row);
    }
    let ends = starts.iter().skip(1).copied().chain([count]);
    for (start, end) in starts.iter().copied().zip(ends) {
        match &mut order[start as usize..end as usize] {
            [] | [_] => {}
            [one, other] => (*one, *other) = ((*one).min(*other), (*one).max(*other)),
            more => more.sort_unstable(),
        }
    }
    let by_values = |a: &u64, b: &u64| {
        let (a, b) = (rows.row(number(*a)), rows.row(number(*b)));
        let differ = a.iter().zip(b).map(|(a, b)| a.order(b)).find(|order| order.is_ne());
        differ.unwrap_or(Ordering::Equal)
    };
    order
        .chunk_by_mut(|a, b| a >> 32 == b >> 32)
        .filter(|same| same.len() > 1)
        .for_each(|same| same.sort_unstable_by(by_values));
    Ok(order)
}

/// Of the row that is picked.
#[allow(clippy::cast_possible_truncation, reason = "the low half has 32 bits")]
fn number(picked: u64) -> usize {
    (picked & u64::from(u32::MAX)) as usize
}

/// Rows that lie one after the other are looked at as they are: half the time of rows by their strides.
fn for_each_row<F: Real>(rows: &ArrayView2<'_, F>, mut look: impl FnMut(&[F])) {
    if let Some(values) = rows.as_slice() {
        values.chunks_exact(rows.ncols()).for_each(look);
        return;
    }
    let mut copy = Vec::with_capacity(rows.ncols());
    for row in rows.outer_iter() {
        copy.clear();
        copy.extend(row);
        look(&copy);
    }
}

/// Of a row's values in single precision, so that a forest over `f32` is grown on the same rows as one over `f64`.
fn hash<F: Real>(values: &[F]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let hash = values.iter().fold(0, |hash: u64, value| {
        (hash.rotate_left(23) ^ u64::from(f32::narrow(value.wide()).to_bits())).wrapping_mul(ODD)
    });
    // What differs high up in a value must tell rows apart low down, and the other way round.
    (((hash ^ (hash >> 32)).wrapping_mul(ODD)) >> 32) as u32
}
