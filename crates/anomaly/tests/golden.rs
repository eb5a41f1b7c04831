//! Scores to the bit, and the model's form, as checked in. `ANOMALY_BLESS=1` writes the file anew.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{env, fmt::Write, fs, path::Path};

use anomaly::{IsolationForest, Real};
use linfa::{
    DatasetBase,
    traits::{Fit, Predict},
};
use ndarray::Array2;
use support::{cloud, params};

fn lines<F: Real>(name: &str, bits: impl Fn(F) -> String) -> String {
    let mut rows = cloud(400, 5);
    rows.column_mut(3).fill(1.0);
    rows[[17, 4]] = f64::NAN;
    let mut others = Array2::from_elem((6, 5), 0.5);
    others.column_mut(3).fill(1.0);
    for (row, mut values) in others.outer_iter_mut().enumerate().skip(1) {
        values[row - 1] = [2.0, -0.25, f64::INFINITY, 0.0, f64::NAN][row - 1];
    }
    let narrowed = |rows: &Array2<f64>| rows.mapv(|value| F::from_f64(value).unwrap());
    let forest: IsolationForest<F> = params(42).fit(&DatasetBase::from(narrowed(&rows))).unwrap();
    let mut text = String::new();
    for score in forest.predict(&narrowed(&rows)).iter().take(20).chain(&forest.predict(&narrowed(&others))) {
        writeln!(text, "{name} {} {score:.6}", bits(*score)).unwrap();
    }
    text
}

#[test]
fn scores_are_as_checked_in_to_the_bit() {
    let text = lines::<f64>("f64", |score| format!("{:016x}", score.to_bits()))
        + &lines::<f32>("f32", |score| format!("{:08x}", score.to_bits()));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scores.txt");
    if env::var_os("ANOMALY_BLESS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "ANOMALY_BLESS=1 writes them anew");
}

#[test]
fn a_model_written_before_is_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/model-1.json");
    let forest: IsolationForest<f64> = params(1).trees(5).sample(16).fit(&DatasetBase::from(cloud(50, 3))).unwrap();
    if env::var_os("ANOMALY_BLESS").is_some() {
        fs::write(&file, serde_json::to_string(&forest).unwrap() + "\n").unwrap();
    }
    let read: IsolationForest<f64> = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(read, forest);
}
