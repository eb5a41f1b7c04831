//! Area under the ROC curve: on labelled sets, and where a plain forest is blind.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anomaly::{AnomalyError, IsolationForest};
use anyhow::{Context, Result, ensure};
use linfa::{
    DatasetBase,
    traits::{Fit, Predict},
};
use ndarray::Array2;

use crate::{data, draws::Gaussian};

const SETS: [(&str, f64); 5] =
    [("mammography", 0.86), ("annthyroid", 0.82), ("pima", 0.67), ("breastw", 0.99), ("ionosphere", 0.85)];
const SEEDS: u64 = 50;

/// The chance that an unusual row scores higher than a usual one.
fn auc(scores: &[f64], unusual: &[bool]) -> f64 {
    let mut order: Vec<_> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut ranks = 0.0;
    let mut at = 0;
    while at < order.len() {
        let equal = order[at..].iter().take_while(|row| scores[**row].total_cmp(&scores[order[at]]).is_eq()).count();
        let rank = at as f64 + f64::midpoint(equal as f64, 1.0);
        ranks += rank * order[at..at + equal].iter().filter(|row| unusual[**row]).count() as f64;
        at += equal;
    }
    let positive = unusual.iter().filter(|unusual| **unusual).count() as f64;
    let negative = unusual.len() as f64 - positive;
    (ranks - positive * (positive + 1.0) / 2.0) / (positive * negative)
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
}

/// Ours beside the paper's and, where a Python with scikit-learn is named, scikit-learn's.
pub(crate) fn sets(data: &Path, python: Option<&Path>) -> Result<()> {
    println!("\nROC-AUC, mean of {SEEDS} seeds (standard deviation), range weight 0");
    println!("{:12} {:>6} {:>14} {:>14}", "set", "paper", "scikit-learn", "ours");
    for (name, paper) in SETS {
        let set = data::set(data, name)?;
        let dataset = DatasetBase::from(set.rows);
        let mut ours = Vec::new();
        for seed in 0..SEEDS {
            let forest = IsolationForest::params().range_weight(0.0).seed(seed).fit(&dataset)?;
            ours.push(auc(&forest.predict(&dataset.records).to_vec(), &set.unusual));
        }
        let (mean, deviation) = mean_and_deviation(&ours);
        let theirs = python.map(|python| scikit_learn(python, data, name)).transpose()?;
        let theirs = theirs.unwrap_or_else(|| "-".to_owned());
        println!("{name:12} {paper:>6.2} {theirs:>14} {:>14}", format!("{mean:.3} ({deviation:.3})"));
    }
    Ok(())
}

fn scikit_learn(python: &Path, data: &Path, name: &str) -> Result<String> {
    let output = Command::new(python)
        .args(["-c", include_str!("scikit_learn.py")])
        .arg(data.join(format!("adbench/{name}.csv.gz")))
        .arg(SEEDS.to_string())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {}", python.display()))?;
    ensure!(output.status.success(), "scikit-learn failed on {name}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// An endpoint's rounds: the logarithms of four phases' times, and what never changes.
fn rounds(random: &mut Gaussian, rows: usize, change: impl Fn(&mut [f64; 7])) -> Array2<f64> {
    let mut values = Vec::new();
    for _ in 0..rows {
        // DNS, connect, TLS, first byte in milliseconds; error, TTL, whether the answer set changed.
        let mut row = [2.0, 3.0, 3.4, 4.2, 0.0, 300.0, 0.0];
        row[..4].iter_mut().for_each(|log| *log += 0.25 * random.draw());
        change(&mut row);
        values.extend(row);
    }
    Array2::from_shape_vec((rows, 7), values).expect("seven values a row")
}

/// A name, and what changes in a row.
type Change = (&'static str, fn(&mut [f64; 7]));

/// What a plain forest cannot see, and what it can, with and without the out-of-range term.
pub(crate) fn blind_spots() -> Result<(), AnomalyError> {
    const CHANGES: [Change; 5] = [
        ("error 0 → 1", |row| row[4] = 1.0),
        ("TTL 300 → 60", |row| row[5] = 60.0),
        ("answer set changed", |row| row[6] = 1.0),
        ("latency × 2", |row| row[1..4].iter_mut().for_each(|log| *log += std::f64::consts::LN_2)),
        ("first byte alone × 2", |row| row[3] += std::f64::consts::LN_2),
    ];
    println!("\nROC-AUC of 200 changed against 500 usual rows, fitted on 2,000; mean of 10 seeds");
    println!("{:20} {:>8} {:>8}", "change", "plain", "default");
    for (name, change) in CHANGES {
        let mut means = [0.0; 2];
        for seed in 0..10 {
            let mut random = Gaussian::new(seed);
            let usual = DatasetBase::from(rounds(&mut random, 2000, |_| {}));
            let (others, changed) = (rounds(&mut random, 500, |_| {}), rounds(&mut random, 200, change));
            let params = IsolationForest::params().seed(seed);
            for (mean, params) in means.iter_mut().zip([params.clone().range_weight(0.0), params]) {
                let forest = params.fit(&usual)?;
                let scores = [forest.predict(&others).to_vec(), forest.predict(&changed).to_vec()].concat();
                let unusual = [[false; 500].as_slice(), &[true; 200]].concat();
                *mean += auc(&scores, &unusual) / 10.0;
            }
        }
        println!("{name:20} {:>8.3} {:>8.3}", means[0], means[1]);
    }
    Ok(())
}

/// How often the feature that was shifted is named first: 3,000 shifts a size, in six features.
pub(crate) fn planted_shifts() -> Result<(), AnomalyError> {
    println!("\nfirst-named feature right, of 3,000 planted shifts in 6 Gaussian features fitted on 2,000 rows");
    println!("{:>10} {:>8} {:>8}", "shift", "plain", "default");
    for shift in [3.0, 4.0, 5.0, 6.0] {
        let mut right = [0.0; 2];
        for seed in 0..100 {
            let mut random = Gaussian::new(100 + seed);
            let usual = DatasetBase::from(Array2::from_shape_simple_fn((2000, 6), || random.draw()));
            let params = IsolationForest::params().seed(seed);
            let forests = [params.clone().range_weight(0.0).fit(&usual)?, params.fit(&usual)?];
            for at in 0..30 {
                let mut row: Vec<f64> = (0..6).map(|_| random.draw()).collect();
                row[at % 6] = if at % 2 == 0 { shift } else { -shift };
                for (right, forest) in right.iter_mut().zip(&forests) {
                    let first = forest.explain(&row)?.ranked().next();
                    *right += f64::from(u8::from(first.is_some_and(|(feature, _)| feature == at % 6))) / 30.0;
                }
            }
        }
        println!("{:>8} σ {:>6.1} % {:>6.1} %", shift, right[0], right[1]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_by_hand() {
        let unusual = [false, true, false, true];
        // Of four pairs three are in order.
        assert!((auc(&[0.1, 0.2, 0.3, 0.4], &unusual) - 0.75).abs() < 1e-12);
        assert!((auc(&[0.5; 4], &unusual) - 0.5).abs() < 1e-12);
        assert!((auc(&[0.1, 0.9, 0.2, 0.8], &unusual) - 1.0).abs() < 1e-12);
    }
}
