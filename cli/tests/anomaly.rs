//! `anomaly score` and `anomaly explain`, as processes.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{fmt::Write, fs, path::Path};

use serde_json::Value;
use support::program::{self, Finished, pointsman};
use tempfile::TempDir;

/// A minute a row: a latency that goes up and down, an error flag that is always 0, a label; one row has an error.
fn series(place: &Path, rows: usize, error_at: usize) {
    let mut text = "time,latency,error,label\n".to_owned();
    for row in 0..rows {
        let latency = 40.0 + (row * 7919 % 101) as f64 / 10.0;
        let (hour, minute) = (row / 60 % 24, row % 60);
        let error = u8::from(row == error_at);
        let day = 1 + row / 1440;
        writeln!(text, "2026-11-{day:02} {hour:02}:{minute:02}:00,{latency},{error},usual").unwrap();
    }
    fs::write(place.join("rows.csv"), text).unwrap();
}

fn run(place: &TempDir, arguments: &[&str]) -> Finished {
    program::run(pointsman(place.path(), arguments), program::COMMAND)
}

fn lines(finished: &Finished) -> Vec<Value> {
    finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_batch_is_scored_in_order() {
    let place = TempDir::new().unwrap();
    series(place.path(), 400, 333);
    let arguments =
        ["anomaly", "score", "--input", "rows.csv", "--ignore", "label", "--ignore", "time", "--fit-rows", "300"];
    let scored = run(&place, &arguments).exits(0);
    let lines: Vec<_> = scored.stdout.lines().collect();
    assert_eq!((lines[0], lines.len()), ("row,score,alert,reason1,reason2", 401));
    assert!(lines[1].starts_with("0,0."), "{}", lines[1]);
    let error: Vec<_> = lines[334].split(',').collect();
    assert_eq!((error[0], error[2], error[3]), ("333", "true", "error"), "{error:?}");
    assert!(lines.iter().filter(|line| line.contains(",true,")).count() <= 5);
    // The same seed, the same scores.
    assert_eq!(run(&place, &arguments).exits(0).stdout, scored.stdout);
}

#[test]
fn a_series_learns_and_then_alerts() {
    let place = TempDir::new().unwrap();
    series(place.path(), 900, 800);
    let arguments = [
        "anomaly",
        "score",
        "--input",
        "rows.csv",
        "--ignore",
        "label",
        "--time-column",
        "time",
        "--fit-rows",
        "300",
        "--output",
        "json",
    ];
    let scored = lines(&run(&place, &arguments).exits(0));
    assert_eq!(scored.len(), 900);
    assert_eq!((&scored[299]["score"], &scored[299]["state"]), (&Value::Null, &Value::from("learning")));
    assert!(scored[300]["score"].is_f64() && scored[300].get("state").is_none());
    let error = &scored[800];
    // Five hours were seen, and asked is what happens once in ten days: an error never did.
    assert_eq!((&error["row"], &error["alert"]), (&Value::from(800), &Value::from(true)), "{error}");
    let reasons = error["reasons"].as_array().unwrap();
    assert!(reasons[0]["feature"].as_str().unwrap().starts_with("error: "), "{error}");
    assert!(reasons[0]["share"].as_f64().unwrap() >= reasons[1]["share"].as_f64().unwrap());
    // Without an episode's end there is no second alert of it.
    assert!(scored[801..].iter().all(|row| row["alert"] == false));
}

#[test]
fn a_row_is_explained() {
    let place = TempDir::new().unwrap();
    series(place.path(), 400, 333);
    let asked = ["anomaly", "explain", "--input", "rows.csv", "--ignore", "label", "--ignore", "time"];
    let fitted = [asked.as_slice(), &["--fit-rows", "300"]].concat();
    let text = run(&place, &fitted).exits(0).stdout;
    assert!(text.starts_with("row 333: score 0.") && text.contains("error"), "{text}");
    let one = run(&place, &[&fitted, ["--row", "333", "--output", "json"].as_slice()].concat()).exits(0).json();
    assert_eq!((&one[0]["row"], &one[0]["reasons"][0]["feature"]), (&Value::from(333), &Value::from("error")));
    run(&place, &[&fitted, ["--row", "400"].as_slice()].concat()).exits(2).says(&["there is no row 400"]);
}

#[test]
fn what_is_wrong_with_a_table_is_named() {
    let place = TempDir::new().unwrap();
    series(place.path(), 30, 3);
    let score = |arguments: &[&str]| run(&place, &[&["anomaly", "score", "--input"], arguments].concat()).exits(2);
    score(&["none.csv"]).says(&["none.csv"]);
    score(&["rows.csv"]).says(&["line 2, column `time`", "is not a number", "hint:", "--time-column"]);
    score(&["rows.csv", "--ignore", "times"]).says(&["has no column `times`"]);
    let ignored = ["rows.csv", "--ignore", "time", "--ignore", "label"];
    score(&[&ignored, ["--trees", "0"].as_slice()].concat()).says(&["a forest of 0 trees"]);
    score(&[&ignored, ["--range-weight", "2"].as_slice()].concat()).says(&["a range weight of 2"]);
    score(&[&ignored, ["--fit-rows", "0"].as_slice()].concat()).says(&["no rows to fit a forest on"]);
    fs::write(place.path().join("rows.csv"), "a,b\n1,2\n1,inf\n").unwrap();
    score(&["rows.csv"]).says(&["row 1, column 1 is infinite"]);
    fs::write(place.path().join("rows.csv"), "a,b\n1,2\n1\n").unwrap();
    score(&["rows.csv"]).says(&["rows.csv", "hint:"]);
    fs::write(place.path().join("rows.csv"), "a,b\n").unwrap();
    score(&["rows.csv"]).says(&["no rows to fit a forest on"]);
}
