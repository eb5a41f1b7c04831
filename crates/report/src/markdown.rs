//! `report.md`: a report for a pull request.

use std::fmt::Write as _;

use super::{
    Report,
    figures::{COMPARED, Ending, headlines, seconds, tally},
};
use crate::{
    calls::{AwsCalls, sum},
    timeline::{Event, EventKind},
};

/// The report in Markdown, shorter than a hundred lines.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    // A `String` takes whatever is written to it.
    let _ = write(report, &mut text);
    text
}

/// Events of a timeline that are told; a drill has more when its faults come and go.
const TOLD: usize = 24;
/// Missing figures that are told.
const MISSING: usize = 24;
/// Faults whose detection is told.
const DETECTED: usize = 4;

fn write(report: &Report, to: &mut String) -> std::fmt::Result {
    let sign = match Ending::of(report) {
        Ending::Met => "✅",
        Ending::NotMet => "❌",
        Ending::Interrupted => "⚠️",
    };
    writeln!(to, "## {sign} Drill `{}`: {}\n", plain(&report.scenario), Ending::of(report).words())?;
    writeln!(to, "{}.\n", plain(&report.title))?;
    writeln!(
        to,
        "{} · emulated by {} · seed {} · speed {} × · TTL {} · propagation {} · all times unscaled\n",
        tally(report),
        plain(&report.emulator),
        report.seed,
        report.speed,
        seconds(report.ttl_s),
        seconds(report.propagation_s)
    )?;
    writeln!(to, "| figure | measured | target | |\n| --- | ---: | --- | --- |")?;
    for headline in headlines(report) {
        let value = headline.value.unwrap_or_else(|why| format!("not measured: {}", plain(&why)));
        let (target, met) = headline.target.map_or((String::new(), ""), |target| {
            (target.text, target.met.map_or("not known", |met| if met { "met" } else { "**NOT met**" }))
        });
        writeln!(to, "| {} | {value} | {} | {met} |", headline.label, plain(&target))?;
    }
    compared(report, to)?;
    detected(report, to)?;
    unmet(report, to)?;
    events(report, to)?;
    calls(report, to)?;
    missing(report, to)
}

fn compared(report: &Report, to: &mut String) -> std::fmt::Result {
    let all = report.comparison.all();
    if all.len() < 2 {
        return Ok(());
    }
    let names: Vec<_> = all.iter().map(|(who, _)| who.name()).collect();
    writeln!(to, "\n### Side by side\n\n| | {} |\n| --- |{}", names.join(" | "), " ---: |".repeat(names.len()))?;
    for figure in COMPARED {
        let cells: Vec<_> = all.iter().map(|(_, it)| figure.written(it).unwrap_or_else(|| "–".to_owned())).collect();
        writeln!(to, "| {} | {} |", figure.label, cells.join(" | "))?;
    }
    Ok(())
}

/// With the forest and without.
fn detected(report: &Report, to: &mut String) -> std::fmt::Result {
    if report.anomaly.detection.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n### Detection with the anomaly score and without\n")?;
    writeln!(to, "| region | seen by | with | without |\n| --- | --- | ---: | ---: |")?;
    let told = |time: Option<f64>| time.map_or("never".to_owned(), seconds);
    for it in report.anomaly.detection.iter().take(DETECTED) {
        for (by, with, without) in
            [("one observer", it.with_s, it.without_s), ("a quorum", it.quorum_with_s, it.quorum_without_s)]
        {
            writeln!(to, "| {} | {by} | {} | {} |", it.region, told(with), told(without))?;
        }
    }
    rest(report.anomaly.detection.len(), DETECTED, to)
}

fn unmet(report: &Report, to: &mut String) -> std::fmt::Result {
    let unmet: Vec<_> = report.expectations.iter().filter(|expectation| !expectation.met).collect();
    if unmet.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n### Not as expected\n")?;
    for expectation in unmet.iter().take(MISSING) {
        writeln!(to, "- {}: {}", plain(&expectation.text), plain(&expectation.seen))?;
    }
    rest(unmet.len(), MISSING, to)
}

fn events(report: &Report, to: &mut String) -> std::fmt::Result {
    let told: Vec<_> = report.timeline.iter().filter(|event| event.event != EventKind::FirstBadProbe).collect();
    if told.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n### What happened\n\n| at | |\n| ---: | --- |")?;
    for Event { t, event, region, detail, .. } in told.iter().take(TOLD) {
        let mut words = event.words().to_owned();
        for more in region.iter().map(ToString::to_string).chain(detail.iter().map(|detail| plain(detail))) {
            words.push_str(" · ");
            words.push_str(&more);
        }
        writeln!(to, "| {} | {words} |", seconds(*t))?;
    }
    rest(told.len(), TOLD, to)
}

/// A line a service: the page has one an operation.
fn calls(report: &Report, to: &mut String) -> std::fmt::Result {
    if report.aws_calls.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n### Calls to AWS\n\n| service | calls | failed | list price |\n| --- | ---: | ---: | ---: |")?;
    for of in report.aws_calls.chunk_by(|one, other| one.service == other.service) {
        let total = |what: fn(&AwsCalls) -> u64| of.iter().map(what).sum::<u64>();
        let (all, failed) = (total(|it| it.count), total(|it| it.failed));
        writeln!(to, "| {} | {all} | {failed} | {} |", plain(&of[0].service), sum(of))?;
    }
    Ok(())
}

fn missing(report: &Report, to: &mut String) -> std::fmt::Result {
    let all = report.comparison.all();
    let missing: Vec<_> =
        all.iter().flat_map(|(who, it)| it.unmeasured.iter().map(move |reason| (who.name(), reason))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n### Not measured\n")?;
    for (who, (metric, why)) in missing.iter().take(MISSING) {
        writeln!(to, "- {who}, `{}`: {}", plain(metric), plain(why))?;
    }
    rest(missing.len(), MISSING, to)
}

fn rest(all: usize, told: usize, to: &mut String) -> std::fmt::Result {
    if all > told { writeln!(to, "\n… and {} more, in `report.html`.", all - told) } else { Ok(()) }
}

/// Text from a file that must neither end a cell nor become markup.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => plain.push_str("; "),
            '\r' => {}
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '|' | '`' | '*' | '[' | ']' | '\\' => plain.extend(['\\', letter]),
            _ => plain.push(letter),
        }
    }
    plain
}
