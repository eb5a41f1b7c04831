//! The headline figures for a terminal.

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};

use super::{Comparison, Controller, Report, expectations::number};

/// One drill.
pub(super) fn of(report: &Report) -> String {
    let figures =
        table(&report.scenario, &controllers(&report.comparison), |figure, controller| (figure.of)(controller));
    let mut expected = Table::new();
    expected.load_style(UTF8_BORDERS_ONLY);
    expected.set_header(["expected", "seen", ""]);
    for expectation in &report.expectations {
        let mark = if expectation.met { "met" } else { "NOT MET" };
        expected.add_row([expectation.text.as_str(), expectation.seen.as_str(), mark]);
    }
    format!("{figures}\n{expected}")
}

/// The medians of several drills of one scenario. A figure that most of them could not measure has none.
pub(super) fn medians<'a>(reports: impl IntoIterator<Item = &'a Report>) -> String {
    let reports: Vec<_> = reports.into_iter().collect();
    let Some(first) = reports.first() else { return String::new() };
    let all: Vec<_> = reports.iter().map(|report| controllers(&report.comparison)).collect();
    let columns: Vec<_> = controllers(&first.comparison)
        .into_iter()
        .map(|(name, _)| {
            let its =
                |controllers: &Vec<(_, _)>| controllers.iter().find(|(other, _)| *other == name).map(|(_, it)| *it);
            (name, all.iter().filter_map(its).collect::<Vec<&Controller>>())
        })
        .collect();
    let seeds: Vec<_> = reports.iter().map(|report| report.seed.to_string()).collect();
    let title = format!("{}, median of seeds {}", first.scenario, seeds.join(", "));
    table(&title, &columns, |figure, its| median(its.iter().map(|controller| (figure.of)(controller)).collect()))
        .to_string()
}

fn median(mut figures: Vec<Option<f64>>) -> Option<f64> {
    // What could not be measured counts as worse than any figure.
    figures.sort_by(|one, other| one.unwrap_or(f64::INFINITY).total_cmp(&other.unwrap_or(f64::INFINITY)));
    figures.get(figures.len().saturating_sub(1) / 2).copied().flatten()
}

fn controllers(comparison: &Comparison) -> Vec<(&'static str, &Controller)> {
    let Comparison { pointsman, native, threshold, no_failover } = comparison;
    let others = [("native", native), ("threshold", threshold), ("no failover", no_failover)];
    let others = others.into_iter().filter_map(|(name, ran)| Some((name, ran.as_ref()?)));
    std::iter::once(("pointsman", pointsman)).chain(others).collect()
}

fn table<T>(title: &str, columns: &[(&str, T)], value: impl Fn(&Figure, &T) -> Option<f64>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(std::iter::once(title).chain(columns.iter().map(|(name, _)| *name)));
    for figure in &FIGURES {
        let mut row = vec![Cell::new(figure.label)];
        row.extend(columns.iter().map(|(_, of)| {
            let text = value(figure, of).map_or_else(|| "–".to_owned(), figure.show);
            Cell::new(text).set_alignment(CellAlignment::Right)
        }));
        table.add_row(row);
    }
    table
}

struct Figure {
    label: &'static str,
    of: fn(&Controller) -> Option<f64>,
    show: fn(f64) -> String,
}

const fn figure(label: &'static str, of: fn(&Controller) -> Option<f64>, show: fn(f64) -> String) -> Figure {
    Figure { label, of, show }
}

const FIGURES: [Figure; 13] = [
    figure("detection", |it| it.metrics.detection_s, seconds),
    figure("decision", |it| it.metrics.decision_s, seconds),
    figure("answer changed", |it| it.metrics.answer_s, seconds),
    figure("clients moved", |it| it.metrics.failover_s, seconds),
    figure("recovered (MTTR)", |it| it.metrics.mttr_s, seconds),
    figure("failback, from clearing", |it| it.metrics.failback_s, seconds),
    figure("availability", |it| it.metrics.availability, percent),
    figure("success rate", |it| it.metrics.success_rate, percent),
    figure("requests", |it| Some(it.metrics.requests as f64), number),
    figure("failed requests", |it| Some(it.series.failed()? as f64), number),
    figure("throughput", |it| it.metrics.throughput_rps, |rate| format!("{}/s", number(rate))),
    figure("false failovers", |it| Some(it.metrics.false_failovers.into()), number),
    figure("missed", |it| Some(it.metrics.missed.into()), number),
];

fn seconds(of: f64) -> String {
    format!("{of:.1} s")
}

fn percent(of: f64) -> String {
    format!("{:.2} %", of * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_worse_than_any_figure() {
        assert_eq!(median(vec![Some(3.0), None, Some(1.0)]), Some(3.0));
        assert_eq!(median(vec![None, None, Some(1.0)]), None);
        assert_eq!(median(vec![Some(2.0)]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
