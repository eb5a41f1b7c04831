//! The headline figures for a terminal.

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};

use super::{Report, expectations::number};
use crate::metrics::Metrics;

pub(super) fn of(report: &Report) -> String {
    let mut controllers = vec![("pointsman", &report.comparison.pointsman.metrics)];
    let others = [("native", &report.comparison.native), ("threshold", &report.comparison.threshold)];
    controllers.extend(others.into_iter().filter_map(|(name, ran)| Some((name, &ran.as_ref()?.metrics))));

    let mut figures = Table::new();
    figures.load_style(UTF8_BORDERS_ONLY);
    figures.set_header(std::iter::once(report.scenario.as_str()).chain(controllers.iter().map(|(name, _)| *name)));
    for (label, figure) in FIGURES {
        let mut row = vec![Cell::new(label)];
        row.extend(controllers.iter().map(|(_, metrics)| {
            let text = figure(metrics).unwrap_or_else(|| "–".to_owned());
            Cell::new(text).set_alignment(CellAlignment::Right)
        }));
        figures.add_row(row);
    }

    let mut expected = Table::new();
    expected.load_style(UTF8_BORDERS_ONLY);
    expected.set_header(["expected", "seen", ""]);
    for expectation in &report.expectations {
        let mark = if expectation.met { "met" } else { "NOT MET" };
        expected.add_row([expectation.text.as_str(), expectation.seen.as_str(), mark]);
    }
    format!("{figures}\n{expected}")
}

type Figure = fn(&Metrics) -> Option<String>;

const FIGURES: [(&str, Figure); 12] = [
    ("detection", |metrics| seconds(metrics.detection_s)),
    ("decision", |metrics| seconds(metrics.decision_s)),
    ("answer changed", |metrics| seconds(metrics.answer_s)),
    ("clients moved", |metrics| seconds(metrics.failover_s)),
    ("recovered (MTTR)", |metrics| seconds(metrics.mttr_s)),
    ("failback, from clearing", |metrics| seconds(metrics.failback_s)),
    ("availability", |metrics| percent(metrics.availability)),
    ("success rate", |metrics| percent(metrics.success_rate)),
    ("requests", |metrics| Some(metrics.requests.to_string())),
    ("throughput", |metrics| Some(format!("{}/s", number(metrics.throughput_rps?)))),
    ("false failovers", |metrics| Some(metrics.false_failovers.to_string())),
    ("missed", |metrics| Some(metrics.missed.to_string())),
];

fn seconds(of: Option<f64>) -> Option<String> {
    Some(format!("{:.1} s", of?))
}

fn percent(of: Option<f64>) -> Option<String> {
    Some(format!("{:.2} %", of? * 100.0))
}
