//! What holds for all data.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use anomaly::{IsolationForest, MODEL_VERSION};
use linfa::{
    DatasetBase,
    traits::{Fit, Predict},
};
use ndarray::{Array2, Axis};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{cloud, params};

/// Few distinct values among them, extreme ones and missing ones.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..10.0,
        2 => (-2_i8..3).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE), Just(-0.0)],
    ]
}

fn rows() -> impl Strategy<Value = Array2<f64>> {
    (1_usize..5, 1_usize..80).prop_flat_map(|(columns, rows)| {
        prop::collection::vec(value(), columns * rows)
            .prop_map(move |values| Array2::from_shape_vec((rows, columns), values).unwrap())
    })
}

fn forest(rows: &Array2<f64>, seed: u64, weight: f64) -> IsolationForest<f64> {
    params(seed).trees(10).sample(32).range_weight(weight).fit(&DatasetBase::from(rows.clone())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn plain_scores_are_in_0_to_1(rows in rows(), seed: u64, others in prop::collection::vec(value(), 4)) {
        let forest = forest(&rows, seed, 0.0);
        let other = forest.score(&others[..rows.ncols()]).unwrap();
        for score in forest.predict(&rows).iter().chain([&other]) {
            prop_assert!(*score > 0.0 && *score <= 1.0, "{score}");
        }
    }

    #[test]
    fn the_term_is_monotone_and_bounded(
        rows in rows(), seed: u64, at in 0_usize..4, weight in 0.0..=1.0, far in 0.0..100.0, further in 0.0..100.0
    ) {
        let forest = forest(&rows, seed, weight);
        let column = at % rows.ncols();
        let greatest = rows.column(column).iter().copied().filter(|value| !value.is_nan()).fold(0.0, f64::max);
        prop_assume!(greatest < 1e300);
        let mut row = vec![f64::NAN; rows.ncols()];
        let mut before = 0.0;
        for beyond in [0.0, far, far + further] {
            row[column] = greatest + beyond;
            let (score, plain) = (forest.score(&row).unwrap(), forest.plain_score(&row).unwrap());
            prop_assert!(plain <= score && score <= plain + (1.0 - plain) * weight + 1e-12);
            // All of these are above every cut: the plain score does not change.
            prop_assert!(beyond == 0.0 || score >= before, "{before} {score}");
            before = if beyond == 0.0 { 0.0 } else { score };
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows(), seed: u64, turn in 0_usize..80) {
        let mut order: Vec<_> = (0..rows.nrows()).rev().collect();
        order.rotate_left(turn % rows.nrows());
        let turned = rows.select(Axis(0), &order);
        let (one, other) = (forest(&rows, seed, 0.3), forest(&turned, seed, 0.3));
        let scored: Vec<_> = one.predict(&rows).iter().map(|score| score.to_bits()).collect();
        prop_assert_eq!(scored, other.predict(&rows).iter().map(|score| score.to_bits()).collect::<Vec<_>>());
    }

    #[test]
    fn a_written_model_is_the_model(rows in rows(), seed: u64) {
        let forest = forest(&rows, seed, 0.3);
        let written = serde_json::to_string(&forest).unwrap();
        prop_assert_eq!(serde_json::from_str::<IsolationForest<f64>>(&written).unwrap(), forest);
    }

    #[test]
    fn credits_sum_to_their_total(rows in rows(), seed: u64) {
        let forest = forest(&rows, seed, 0.3);
        let explained = forest.explain(rows.row(0).as_slice().unwrap()).unwrap();
        prop_assert!((explained.credits().iter().sum::<f64>() - explained.total()).abs() < 1e-9);
    }

    #[test]
    fn a_damaged_model_is_an_error(cut in 0_usize..400, flip in 0_usize..400, bit in 0_u8..6) {
        let forest = forest(&cloud(30, 2), 1, 0.3);
        let mut written: Value = serde_json::to_value(&forest).unwrap();
        let mut text = written["forest"].as_str().unwrap().to_owned();
        text.truncate(cut);
        written["forest"] = json!(text);
        prop_assert!(serde_json::from_value::<IsolationForest<f64>>(written.clone()).is_err());
        // With a bit wrong it may still be one; it must not panic.
        let mut bytes = serde_json::to_value(&forest).unwrap()["forest"].as_str().unwrap().as_bytes().to_vec();
        bytes[flip] ^= 1 << bit;
        written["forest"] = json!(String::from_utf8_lossy(&bytes));
        if let Ok(read) = serde_json::from_value::<IsolationForest<f64>>(written) {
            let row = vec![0.5; read.features()];
            prop_assert!(read.score(&row).is_ok() && read.explain(&row).is_ok());
        }
    }
}

#[test]
fn other_versions_and_numbers_are_refused_by_name() {
    let forest = forest(&cloud(30, 2), 1, 0.3);
    let mut written = serde_json::to_value(&forest).unwrap();
    assert_eq!(written["version"], MODEL_VERSION);
    let narrow = serde_json::from_value::<IsolationForest<f32>>(written.clone()).unwrap_err();
    assert!(narrow.to_string().contains("a forest over f64, read as one over f32"), "{narrow}");
    written["version"] = json!(MODEL_VERSION + 1);
    let newer = serde_json::from_value::<IsolationForest<f64>>(written).unwrap_err();
    assert!(newer.to_string().contains("version 2: this program reads version 1"), "{newer}");
    // Whatever else has changed in it.
    let newer = serde_json::from_str::<IsolationForest<f64>>(r#"{"version": 9, "trees": []}"#).unwrap_err();
    assert!(newer.to_string().contains("version 9"), "{newer}");
}

#[test]
fn a_model_is_at_most_300_kb() {
    let forest: IsolationForest<f64> = params(1).fit(&DatasetBase::from(cloud(5000, 8))).unwrap();
    let written = serde_json::to_string(&forest).unwrap().len();
    assert!(written <= 300_000, "{written}");
}
