//! What `check` tells people.

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use domain::{Answering, ProbeReport, ProbeStatus, RegionName, RegionView, Verdict};
use jiff::Timestamp;

use super::Look;

/// A table of each service: of every probe where one observer looked, of every verdict where several did.
pub(super) fn tables(looks: &[Look<'_>]) -> String {
    let mut text = String::new();
    for of_service in looks.chunk_by(|one, next| one.service.name == next.service.name) {
        text += &match of_service {
            [one] => probes(one),
            several => verdicts(several),
        };
    }
    text
}

/// Each probe with its phases, then a line with what they amount to.
fn probes(look: &Look<'_>) -> String {
    let mut table = table();
    table.set_header(["region", "probe", "status", "dns", "connect", "tls", "first byte", "total", "evidence"]);
    for column in 3..=7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (region, report) in reports(look) {
        let phases = &report.phases_ms;
        let times = [phases.dns, phases.connect, phases.tls, phases.first_byte, phases.total];
        let millis = times.map(|time| Cell::new(time.map(|ms| format!("{ms:.1} ms")).unwrap_or_default()));
        let cells =
            [Cell::new(region), Cell::new(&report.probe), Cell::new(outcome(report)).fg(status_colour(report.status))];
        table.add_row(cells.into_iter().chain(millis).chain([Cell::new(&report.evidence)]));
    }
    format!("{}: {}\n{table}\n", look.service.name, summary(std::slice::from_ref(look)))
}

/// Each observer's verdict on each region, then what failed.
fn verdicts(looks: &[Look<'_>]) -> String {
    let Some(first) = looks.first() else { return String::new() };
    let mut table = table();
    let observers = looks.iter().map(|look| look.observer.to_string());
    table.set_header([String::new()].into_iter().chain(observers));
    for region in &first.service.regions {
        let words = looks.iter().map(|look| {
            let verdict = look.verdict(&region.name);
            Cell::new(verdict).fg(verdict_colour(verdict))
        });
        table.add_row([Cell::new(&region.name)].into_iter().chain(words));
    }
    let answering = looks
        .iter()
        .map(|look| Cell::new(look.seen.as_ref().map_or("unknown".to_owned(), |seen| points_at(&seen.answering))));
    table.add_row([Cell::new("DNS answers").add_attribute(Attribute::Dim)].into_iter().chain(answering));
    let mut text = format!("{}\n{table}\n", first.service.name);
    for look in looks {
        if let Err(why) = &look.seen {
            // A `String` takes whatever is written to it.
            let _ = writeln!(text, "{} could not look: {why}", look.observer);
        }
        for (region, report) in reports(look).filter(|(_, report)| report.status != ProbeStatus::Ok) {
            let _ = writeln!(text, "{region} for {}: {}", look.observer, described(report));
        }
    }
    text
}

/// What is another than in the round before, a line each; nothing where nothing is.
pub(super) fn changes(now: Timestamp, before: &[Look<'_>], looks: &[Look<'_>]) -> String {
    let several_services = looks.iter().any(|look| look.service.name != looks[0].service.name);
    let several_observers = looks.iter().any(|look| look.observer != looks[0].observer);
    let time = now.strftime("%H:%M:%S UTC");
    let mut text = String::new();
    for (before, look) in before.iter().zip(looks) {
        let service = if several_services { format!("{}: ", look.service.name) } else { String::new() };
        let observer = if several_observers { format!(" for {}", look.observer) } else { String::new() };
        for change in changed(before, look) {
            let _ = writeln!(text, "{time}  {service}{change}{observer}");
        }
    }
    text
}

fn changed(before: &Look<'_>, now: &Look<'_>) -> Vec<String> {
    match (&before.seen, &now.seen) {
        (Ok(before), Ok(now_seen)) => {
            let regions = now.service.regions.iter().filter_map(|region| {
                let view = now_seen.regions.get(&region.name)?;
                let was = before.regions.get(&region.name)?;
                (kinds(was) != kinds(view)).then(|| format!("{} is {}: {}", region.name, view.verdict, failures(view)))
            });
            let answer = (before.answering != now_seen.answering).then(|| {
                format!(
                    "DNS answers with {} instead of {}",
                    points_at(&now_seen.answering),
                    points_at(&before.answering)
                )
            });
            regions.chain(answer).collect()
        }
        (Ok(_), Err(why)) => vec![format!("{} could not look: {why}", now.observer)],
        (Err(_), Ok(_)) => vec![format!("{} looks again: {}", now.observer, summary(std::slice::from_ref(now)))],
        (Err(_), Err(_)) => Vec::new(),
    }
}

/// What makes two rounds differ: times and evidence always do.
fn kinds(view: &RegionView) -> (Verdict, Vec<(ProbeStatus, Option<domain::Fault>)>) {
    (view.verdict, view.probes.iter().map(|report| (report.status, report.fault)).collect())
}

fn failures(view: &RegionView) -> String {
    let bad: Vec<_> = view.probes.iter().filter(|report| report.status != ProbeStatus::Ok).map(described).collect();
    if bad.is_empty() { "every probe is good".to_owned() } else { bad.join("; ") }
}

fn described(report: &ProbeReport) -> String {
    format!("{} {}: {}", report.probe, outcome(report), report.evidence)
}

fn outcome(report: &ProbeReport) -> String {
    match (report.status, report.fault) {
        (ProbeStatus::Ok, _) => "ok".to_owned(),
        (ProbeStatus::Degraded, _) => "degraded".to_owned(),
        (ProbeStatus::Failed, Some(fault)) => fault.to_string(),
        (ProbeStatus::Failed, None) => "failed".to_owned(),
    }
}

/// Verdicts and answer in a line.
pub(super) fn summary(looks: &[Look<'_>]) -> String {
    let words: Vec<_> = looks
        .iter()
        .map(|look| {
            let regions: Vec<_> = look.verdicts().map(|(region, verdict)| format!("{region} is {verdict}")).collect();
            let answering = look.seen.as_ref().map_or(&Answering::Unknown, |seen| &seen.answering);
            format!("{}; DNS answers with {}", regions.join(", "), points_at(answering))
        })
        .collect();
    words.join(" | ")
}

fn points_at(answering: &Answering) -> String {
    match answering {
        Answering::Region(region) => region.to_string(),
        Answering::Mixed => "different regions: a change is on its way".to_owned(),
        Answering::Other(seen) => format!("{seen}, which is no region's"),
        Answering::Unknown => "nothing that could be had".to_owned(),
    }
}

fn reports<'a>(look: &'a Look<'_>) -> impl Iterator<Item = (&'a RegionName, &'a ProbeReport)> {
    let seen = look.seen.as_ref().ok();
    look.service.regions.iter().flat_map(move |region| {
        let view = seen.and_then(|seen| seen.regions.get(&region.name));
        view.into_iter().flat_map(|view| view.probes.iter().map(|report| (&region.name, report)))
    })
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn status_colour(status: ProbeStatus) -> Color {
    match status {
        ProbeStatus::Ok => Color::Green,
        ProbeStatus::Degraded => Color::Yellow,
        ProbeStatus::Failed => Color::Red,
    }
}

fn verdict_colour(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Up => Color::Green,
        Verdict::Degraded => Color::Yellow,
        Verdict::Down => Color::Red,
        Verdict::Unknown => Color::Grey,
    }
}
