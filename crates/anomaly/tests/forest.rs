//! The forest from outside.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use anomaly::{AnomalyError, IsolationForest, IsolationForestParams, MAX_SAMPLE};
use linfa::{
    DatasetBase, ParamGuard,
    traits::{Fit, Predict},
};
use ndarray::{Array2, Axis, ShapeBuilder, array};
use support::{cloud, params};

fn fit(params: &IsolationForestParams, rows: Array2<f64>) -> Result<IsolationForest<f64>, AnomalyError> {
    params.fit(&DatasetBase::from(rows))
}

#[test]
fn far_rows_score_higher() {
    let forest = fit(&params(1).range_weight(0.0), cloud(500, 3)).unwrap();
    let scores = forest.predict(&array![[0.5, 0.5, 0.5], [0.75, 0.3, 0.7], [3.0, -2.0, 3.0]]);
    assert!(scores[0] < 0.5 && scores[0] < scores[1] && scores[1] < scores[2], "{scores}");
}

#[test]
fn batch_and_row_and_any_layout_give_the_same_bits() {
    let rows = cloud(300, 3);
    let forest = fit(&params(2), rows.clone()).unwrap();
    let scores = forest.predict(&rows);
    let mut columns = Array2::zeros((300, 3).f());
    columns.assign(&rows);
    assert!(columns.as_slice().is_none());
    assert_eq!(forest.predict(&columns), scores);
    for (row, score) in rows.outer_iter().zip(&scores) {
        assert_eq!(forest.score(row.as_slice().unwrap()).unwrap().to_bits(), score.to_bits());
    }
}

#[test]
fn single_precision_agrees() {
    let rows = cloud(300, 3);
    let wide = fit(&params(2), rows.clone()).unwrap().predict(&rows);
    let narrow = rows.mapv(<f32 as linfa::Float>::cast);
    let forest: IsolationForest<f32> = params(2).fit(&DatasetBase::from(narrow.clone())).unwrap();
    for (narrow, wide) in forest.predict(&narrow).iter().zip(&wide) {
        assert!((f64::from(*narrow) - wide).abs() < 0.02, "{narrow} {wide}");
    }
}

#[test]
fn a_constant_feature_is_passed_over() {
    let varying = cloud(500, 2);
    let rows = Array2::from_shape_fn((500, 12), |at| varying.get(at).copied().unwrap_or_default());
    let forest = fit(&params(3).range_weight(0.0), rows).unwrap();
    let mut usual = [0.0; 12];
    usual[..2].fill(0.5);
    let mut far = usual;
    far[0] = 9.0;
    assert!(forest.score(&far).unwrap() > forest.score(&usual).unwrap() + 0.15);
}

#[test]
fn a_change_in_what_never_changed_is_seen_by_the_term_alone() {
    let mut rows = cloud(500, 3);
    rows.column_mut(2).fill(300.0);
    let (usual, changed) = ([0.5, 0.5, 300.0], [0.5, 0.5, 60.0]);
    let plain = fit(&params(4).range_weight(0.0), rows.clone()).unwrap();
    assert_eq!(plain.score(&usual).unwrap().to_bits(), plain.score(&changed).unwrap().to_bits());
    let forest = fit(&params(4), rows).unwrap();
    let (usual, changed) = (forest.score(&usual).unwrap(), forest.explain(&changed).unwrap());
    assert!((changed.score() - (usual + 0.5 * (1.0 - usual))).abs() < 1e-12);
    assert_eq!(changed.ranked().next().unwrap().0, 2);
}

#[test]
fn a_missing_value_says_nothing() {
    let mut rows = cloud(400, 2);
    rows.column_mut(1).iter_mut().step_by(7).for_each(|value| *value = f64::NAN);
    let forest = fit(&params(5), rows.clone()).unwrap();
    let usual = forest.score(&[0.5, 0.5]).unwrap();
    let missing = forest.score(&[0.5, f64::NAN]).unwrap();
    assert!((usual - missing).abs() < 0.1, "{usual} {missing}");
    assert!(forest.score(&[9.0, f64::NAN]).unwrap() > missing + 0.1);
    assert!(forest.predict(&rows).iter().all(|score| *score > 0.0 && *score <= 1.0));
    let none = fit(&params(5), array![[f64::NAN], [f64::NAN]]).unwrap();
    assert!((none.score(&[f64::NAN]).unwrap() - 0.5).abs() < 1e-7);
}

#[test]
fn one_row_and_equal_rows_are_average() {
    for rows in [array![[1.0, 2.0]], array![[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]] {
        let forest = fit(&params(6), rows).unwrap();
        assert!((forest.score(&[1.0, 2.0]).unwrap() - 0.5).abs() < 1e-7);
        assert!((forest.plain_score(&[9.0, 2.0]).unwrap() - 0.5).abs() < 1e-7);
        let other = forest.explain(&[9.0, 2.0]).unwrap();
        assert!(other.score() > 0.6);
        assert_eq!(other.ranked().collect::<Vec<_>>(), [(0, 1.0)]);
    }
}

#[test]
fn fewer_rows_than_the_subsample_are_all_taken() {
    let forest = fit(&params(7), cloud(40, 2)).unwrap();
    assert_eq!(forest.sample(), 40);
}

#[test]
fn infinities_are_refused_in_fitting_and_far_in_scoring() {
    let refused = fit(&params(8), array![[1.0, 2.0], [1.0, f64::INFINITY]]).unwrap_err();
    assert!(matches!(refused, AnomalyError::Infinite { row: 1, column: 1 }), "{refused}");
    let forest = fit(&params(8), cloud(300, 2)).unwrap();
    assert!(forest.score(&[f64::INFINITY, f64::NEG_INFINITY]).unwrap() > 0.7);
    assert!(forest.explain(&[f64::INFINITY, 0.5]).unwrap().total().is_finite());
}

#[test]
fn the_widest_ranges_do_not_overflow() {
    let forest = fit(&params(8), array![[f64::MAX], [f64::MIN], [0.0], [1.0]]).unwrap();
    assert!(forest.predict(&array![[f64::MAX], [0.0]]).iter().all(|score| score.is_finite()));
}

#[test]
fn nothing_to_fit_on_is_an_error_by_name() {
    assert!(matches!(fit(&params(9), Array2::zeros((0, 2))), Err(AnomalyError::NoRows)));
    assert!(matches!(fit(&params(9), Array2::zeros((2, 0))), Err(AnomalyError::NoFeatures)));
    assert!(matches!(fit(&params(9), Array2::zeros((1, 70_000))), Err(AnomalyError::TooManyFeatures(70_000))));
    let forest = fit(&params(9), cloud(10, 2)).unwrap();
    assert!(matches!(forest.score(&[1.0]), Err(AnomalyError::Width { found: 1, fitted: 2 })));
    assert!(matches!(forest.explain(&[1.0]), Err(AnomalyError::Width { .. })));
}

#[test]
fn parameters_are_checked() {
    let checked = |params: IsolationForestParams| params.check();
    assert!(matches!(checked(params(1).trees(0)), Err(AnomalyError::Trees(0))));
    assert!(matches!(checked(params(1).sample(1)), Err(AnomalyError::Sample(1))));
    assert!(matches!(checked(params(1).sample(MAX_SAMPLE + 1)), Err(AnomalyError::Sample(_))));
    for weight in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(checked(params(1).range_weight(weight)), Err(AnomalyError::RangeWeight(_))));
    }
    assert_eq!(checked(params(1)).unwrap().trees(), 100);
    // Fitting checks them too.
    assert!(matches!(fit(&params(1).trees(0), cloud(10, 2)), Err(AnomalyError::Trees(0))));
}

#[test]
fn credits_sum_to_their_total() {
    let forest = fit(&params(10), cloud(600, 4)).unwrap();
    // Nothing need have set an average row apart.
    for row in [[0.5; 4], [3.0, 0.5, 0.5, -1.0], [0.99, 0.01, 0.5, f64::NAN]] {
        let explained = forest.explain(&row).unwrap();
        assert!((explained.credits().iter().sum::<f64>() - explained.total()).abs() < 1e-9);
        assert!((explained.score() - forest.score(&row).unwrap()).abs() < 1e-15);
        let shares: f64 = explained.ranked().map(|(_, share)| share).sum();
        assert!((shares - 1.0).abs() < 1e-9 || explained.ranked().next().is_none(), "{shares}");
    }
    assert_eq!(forest.explain(&[0.5, 0.5, 5.0, 0.5]).unwrap().ranked().next().unwrap().0, 2);
}

#[test]
fn the_feature_that_was_shifted_is_named_first() {
    const SHIFTS: usize = 600;
    let values = cloud(2_000 + SHIFTS, 6);
    let forest: IsolationForest<f64> =
        params(1).fit(&DatasetBase::from(values.view().split_at(Axis(0), 2_000).0)).unwrap();
    // Means of four draws have a standard deviation of 1/√48.
    let shift = 3.5 / 48_f64.sqrt();
    let named = (0..SHIFTS).filter(|at| {
        let mut row = values.row(2_000 + at).to_vec();
        row[at % 6] = 0.5 + if at / 6 % 2 == 0 { shift } else { -shift };
        forest.explain(&row).unwrap().ranked().next().unwrap().0 == at % 6
    });
    let named = named.count();
    assert!(named * 100 >= SHIFTS * 95, "{named} of {SHIFTS}");
}
