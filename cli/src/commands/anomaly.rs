//! `anomaly score` and `anomaly explain`: the forest on a table of one's own.

mod table;

use std::{collections::BTreeMap, fmt::Write};

use anomaly::{AnomalyError, Calibration, Detector, DetectorParams, IsolationForest, IsolationForestParams, Observed};
use comfy_table::{CellAlignment, Table as Drawn, presets::UTF8_BORDERS_ONLY};
use linfa::{DatasetBase, traits::Fit};
use ndarray::ArrayView2;
use serde::Serialize;

use crate::{
    args::{AnomalyCommand, AnomalyOptions, Explain, Output},
    error::CliError,
    exit,
    printer::Printer,
};

use table::Table;

/// A row with its score, as it is printed.
#[derive(Debug, Serialize)]
struct Judged {
    row: usize,
    score: Option<f64>,
    alert: bool,
    reasons: Vec<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Reason {
    feature: String,
    share: f64,
}

pub(crate) fn run(command: &AnomalyCommand, printer: &Printer) -> Result<exit::Code, CliError> {
    match command {
        AnomalyCommand::Score(options) => score(options, printer),
        AnomalyCommand::Explain(explain) => self::explain(explain, printer),
    }
}

fn score(options: &AnomalyOptions, printer: &Printer) -> Result<exit::Code, CliError> {
    let rows = rows(options, 2)?;
    let text = match printer.output() {
        Output::Text => csv(&rows),
        Output::Json => rows.iter().map(|row| json_line(row) + "\n").collect(),
    };
    printer.raw(&text);
    Ok(exit::DONE)
}

fn explain(explain: &Explain, printer: &Printer) -> Result<exit::Code, CliError> {
    let mut rows: BTreeMap<_, _> = rows(&explain.options, usize::MAX)?.into_iter().map(|row| (row.row, row)).collect();
    let chosen = if explain.row.is_empty() { most_unusual(&rows) } else { explain.row.clone() };
    let count = rows.len();
    let mut explained = Vec::new();
    for row in chosen {
        let none = || {
            CliError::Usage(format!("there is no row {row}, or it was named twice: rows go from 0 to {}", count - 1))
        };
        explained.push(rows.remove(&row).ok_or_else(none)?);
    }
    printer.result(&explained, || explained.iter().map(drawn).collect::<Vec<_>>().join("\n\n"));
    Ok(exit::DONE)
}

/// Every row, with so many of its reasons.
fn rows(options: &AnomalyOptions, reasons: usize) -> Result<Vec<Judged>, CliError> {
    let table = Table::read(options)?;
    let params = IsolationForest::params().seed(options.seed).trees(options.trees).sample(options.sample);
    let rows = if options.time_column.is_some() {
        series(&table, options, params, reasons)
    } else {
        batch(&table, options, params, reasons)
    };
    Ok(rows?)
}

/// All rows by one forest.
fn batch(
    table: &Table,
    options: &AnomalyOptions,
    params: IsolationForestParams,
    reasons: usize,
) -> Result<Vec<Judged>, AnomalyError> {
    let width = table.names.len();
    let height = table.values.len() / width.max(1);
    let fitted = options.fit_rows.map_or(height, |rows| rows.min(height));
    let view = ArrayView2::from_shape((fitted, width), &table.values[..fitted * width])
        .expect("a table has a value a column in every row");
    let params = options.range_weight.map_or(params.clone(), |weight| params.range_weight(weight));
    let forest = params.fit(&DatasetBase::from(view))?;
    let usual = table.rows().take(fitted).map(|row| forest.strangeness(row)).collect::<Result<Vec<_>, _>>()?;
    // As if all that was fitted were a day. Too few rows to calibrate on alert at nothing.
    let threshold = match Calibration::new(usual, fitted as f64) {
        Ok(calibration) => calibration.threshold(options.false_alarms.unwrap_or(1.0))?,
        Err(AnomalyError::TooFewScores { .. }) => f64::INFINITY,
        Err(error) => return Err(error),
    };
    let rows = table.rows().enumerate().map(|(row, values)| {
        let explained = forest.explain(values)?;
        let ranked = explained.ranked().take(reasons);
        let reasons = ranked.map(|(feature, share)| Reason { feature: table.names[feature].clone(), share });
        let score = explained.score();
        let alert = forest.strangeness(values)? > threshold;
        Ok(Judged { row, score: Some(score), alert, reasons: reasons.collect(), state: None })
    });
    rows.collect()
}

/// Each row by those before it.
fn series(
    table: &Table,
    options: &AnomalyOptions,
    params: IsolationForestParams,
    reasons: usize,
) -> Result<Vec<Judged>, AnomalyError> {
    let mut settings = DetectorParams::default().forest(params.range_weight(options.range_weight.unwrap_or(0.8)));
    if let Some(rows) = options.fit_rows {
        settings = settings.learn(rows);
    }
    if let Some(rate) = options.false_alarms {
        settings = settings.false_alarms_per_day(rate);
    }
    let mut detector = settings.check()?.detector(table.names.len());
    let rows = table.rows().zip(&table.times).enumerate().map(|(row, (values, second))| {
        Ok(match detector.observe(*second, values)? {
            Observed::Learning => {
                Judged { row, score: None, alert: false, reasons: Vec::new(), state: Some("learning") }
            }
            Observed::Scored(scored) => {
                let reasons = series_reasons(&detector, table, reasons)?;
                Judged { row, score: Some(scored.score), alert: scored.alert, reasons, state: None }
            }
        })
    });
    rows.collect()
}

fn series_reasons(detector: &Detector, table: &Table, count: usize) -> Result<Vec<Reason>, AnomalyError> {
    let reasons = detector.reasons()?.into_iter().take(count).map(|reason| Reason {
        feature: format!("{}: {}", table.names[reason.column], reason.aspect),
        share: reason.share,
    });
    Ok(reasons.collect())
}

fn most_unusual(rows: &BTreeMap<usize, Judged>) -> Vec<usize> {
    let mut scored: Vec<_> = rows.values().filter_map(|row| Some((row.score?, row.row))).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(10).map(|(_, row)| row).collect()
}

fn json_line(row: &Judged) -> String {
    serde_json::to_string(row).expect("a row is plain data")
}

fn csv(rows: &[Judged]) -> String {
    let mut text = "row,score,alert,reason1,reason2\n".to_owned();
    for Judged { row, score, alert, reasons, .. } in rows {
        let score = score.map(|score| format!("{score:.6}")).unwrap_or_default();
        let [first, second] =
            [0, 1].map(|at| reasons.get(at).map_or_else(String::new, |reason| quoted(&reason.feature)));
        writeln!(text, "{row},{score},{alert},{first},{second}").expect("a string takes all that is written");
    }
    text
}

/// A cell, in quotes where it would end early without.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// A row with all that speaks for it.
fn drawn(row: &Judged) -> String {
    let mut text = format!("row {}", row.row);
    match row.score {
        Some(score) => write!(text, ": score {score:.3}{}", if row.alert { ", alert" } else { "" }),
        None => write!(text, ": learning, no score yet"),
    }
    .expect("a string takes all that is written");
    if row.reasons.is_empty() {
        return text;
    }
    let mut table = Drawn::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(["feature", "share"]);
    for reason in &row.reasons {
        table.add_row([reason.feature.clone(), format!("{:.1} %", 100.0 * reason.share)]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{text}\n{table}")
}
