//! What happened: lanes of faults, verdicts and answers, and each event in words.

use domain::{ObserverName, RegionName, Verdict};
use maud::{Markup, html};

use super::{
    comparison::swatch,
    lanes::{Fill, Mark, Stretch, Time, joined},
    table,
};
use crate::{
    Controller, Report,
    figures::{Who, plural, seconds},
    metrics::{MOVED, Measured},
    timeline::{Event, EventKind},
};
use scenario::What;

/// More events than this are folded.
const MANY: usize = 24;
/// Faults that the message names.
const SAID: usize = 3;

pub(super) fn section(report: &Report) -> Markup {
    let time = time(report);
    let message = message(report);
    let events = events(&report.timeline);
    html! {
        figure.timeline {
            figcaption { span.muted { (message) } }
            ul.legend aria-hidden="true" {
                @for verdict in [Verdict::Up, Verdict::Degraded, Verdict::Down, Verdict::Unknown] {
                    @let (name, sign) = (verdict.to_string(), sign(verdict));
                    @let class = &name;
                    li { svg class={ "key stretch " (class) } width="22" height="12" { rect width="22" height="12" rx="2" {} } (sign) " " (name) }
                }
                li { span.key.fault {} "fault" }
            }
            div.lanes role="img" aria-label={ "Timeline. " (message) } {
                div.group { "Faults" }
                @for (target, stretches) in faults(report) { (time.lane(&html! { (target) }, &stretches)) }
                (verdicts(report, &time))
                div.group { "What DNS answers" }
                @for (who, controller) in report.comparison.all() {
                    @if who != Who::Nobody {
                        (time.lane(&html! { (swatch(who)) (who.name()) }, &answers(report, controller)))
                    }
                }
                div.group { "Whom clients reach" }
                @for (who, controller) in report.comparison.all() {
                    @if who != Who::Nobody {
                        (time.lane(&html! { (swatch(who)) (who.name()) }, &reached(report, controller)))
                    }
                }
                div.group { "What happened, by its number below" }
                (time.marks(&html! { (swatch(Who::Pointsman)) (Who::Pointsman.name()) }, &milestones(report)))
                (time.axis())
            }
        }
        @if report.timeline.len() > MANY {
            (table::folded(&format!("All {} events in words", report.timeline.len()), &events))
        } @else {
            (events)
        }
    }
}

pub(super) fn time(report: &Report) -> Time {
    let faults = report.faults.iter().map(|it| (it.lived.injected, it.lived.cleared.unwrap_or(report.lasted_s)));
    Time { ends: report.lasted_s.max(1.0), faults: faults.collect() }
}

/// What each was done to, in the order of the first, with all of them that were done to it.
fn faults(report: &Report) -> Vec<(String, Vec<Stretch>)> {
    let mut lanes: Vec<(String, Vec<Stretch>)> = Vec::new();
    // Those of AWS are among the measured ones where there are no others.
    let measured = report.faults.iter().map(|Measured { lived, .. }| lived).filter(|lived| lived.what.aws().is_none());
    for lived in measured.chain(&report.aws_faults) {
        let stretch = Stretch {
            from: lived.injected,
            to: lived.cleared.unwrap_or(report.lasted_s),
            fill: Fill::Fault,
            text: lived.what.to_string(),
            short: "",
        };
        let target = target(&lived.what);
        match lanes.iter_mut().find(|(known, _)| *known == target) {
            Some((_, stretches)) => stretches.push(stretch),
            None => lanes.push((target, vec![stretch])),
        }
    }
    lanes
}

/// What a fault is put on.
pub(super) fn target(what: &What) -> String {
    match what {
        What::Region { region, .. } => region.to_string(),
        What::Name { region, .. } => format!("name of {region}"),
        What::Observer { observer, .. } => format!("observer {observer}"),
        What::Aws { aws } => aws.target(),
    }
}

fn message(report: &Report) -> String {
    let mut words = Vec::new();
    for Measured { lived, .. } in report.faults.iter().take(SAID) {
        let until = lived.cleared.map_or("the end".to_owned(), seconds);
        let (target, what) = (target(&lived.what), &lived.what);
        words.push(format!("{target}: {what}, from {} to {until}.", seconds(lived.injected)));
    }
    if let Some(more) = report.faults.len().checked_sub(SAID).filter(|more| *more > 0) {
        words.push(format!("And {} more.", plural(more, "fault")));
    }
    let metrics = &report.metrics;
    let stages = [
        ("a quorum saw it", metrics.detection_s),
        ("the DNS answer changed", metrics.answer_s),
        ("clients had moved", metrics.failover_s),
    ];
    let stages: Vec<_> =
        stages.into_iter().filter_map(|(what, t)| Some(format!("{what} {} after the fault", seconds(t?)))).collect();
    if !stages.is_empty() {
        words.push(format!("With Pointsman, {}.", stages.join(", ")));
    }
    words.join(" ")
}

fn verdicts(report: &Report, time: &Time) -> Markup {
    let said = |observer: &ObserverName, region: &RegionName| {
        let mut words: Vec<_> =
            report.verdicts.iter().filter(|it| it.observer == *observer && it.region == *region).collect();
        words.sort_by(|one, other| one.t.total_cmp(&other.t));
        let ends = words.iter().skip(1).map(|it| it.t).chain([report.lasted_s]);
        let stretches = words.iter().zip(ends).map(|(it, to)| Stretch {
            from: it.t.max(0.0),
            to,
            fill: match it.verdict {
                Verdict::Up => Fill::Up,
                Verdict::Degraded => Fill::Degraded,
                Verdict::Down => Fill::Down,
                Verdict::Unknown => Fill::Unknown,
            },
            text: it.verdict.to_string(),
            short: sign(it.verdict),
        });
        joined(stretches)
    };
    html! {
        @if !report.verdicts.is_empty() {
            @for region in &report.regions {
                div.group { "What observers say of " (region) }
                @for observer in &report.observers {
                    (time.lane(&html! { (observer) }, &said(observer, region)))
                }
            }
        }
    }
}

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Up => "✓",
        Verdict::Degraded => "~",
        Verdict::Down => "✗",
        Verdict::Unknown => "?",
    }
}

fn fill_of(report: &Report, region: &RegionName) -> Fill {
    report.regions.iter().position(|known| known == region).map_or(Fill::Unknown, Fill::Region)
}

/// The preferred region's address stands in the zone when a drill begins.
fn answers(report: &Report, controller: &Controller) -> Vec<Stretch> {
    let changes: Vec<_> =
        controller.timeline.iter().filter(|event| event.event == EventKind::DnsAnswerChanged).collect();
    let begins = std::iter::once((0.0, report.regions.first()));
    let all: Vec<_> = begins.chain(changes.iter().map(|event| (event.t, event.region.as_ref()))).collect();
    let ends = all.iter().skip(1).map(|(t, _)| *t).chain([report.lasted_s]);
    joined(all.iter().zip(ends).map(|((from, region), to)| Stretch {
        from: *from,
        to,
        fill: region.map_or(Fill::Nobody, |region| fill_of(report, region)),
        text: region.map_or("no region".to_owned(), ToString::to_string),
        short: "",
    }))
}

/// By the second: a region when 95 of 100 requests that are answered are answered by it.
fn reached(report: &Report, controller: &Controller) -> Vec<Stretch> {
    let series = &controller.series;
    let seconds = 0..series.requests.len();
    joined(seconds.map(|second| {
        let by = |region: &RegionName| {
            series.reached.get(region).and_then(|of| of.get(second)).copied().map_or(0.0, f64::from)
        };
        let all: f64 = report.regions.iter().map(by).sum();
        let one = report.regions.iter().find(|region| all > 0.0 && by(region) >= MOVED * all);
        let (fill, text) = match one {
            Some(region) => (fill_of(report, region), region.to_string()),
            None if all > 0.0 => (Fill::Moving, "both".to_owned()),
            None => (Fill::Nobody, "nobody".to_owned()),
        };
        Stretch { from: second as f64, to: (second + 1) as f64, fill, text, short: "" }
    }))
}

/// The numbers are those of the table; of the bad probes only the first has a mark.
fn milestones(report: &Report) -> Vec<Mark> {
    let mut bad = false;
    let numbered = report.timeline.iter().enumerate().filter(|(_, event)| {
        let again = bad && event.event == EventKind::FirstBadProbe;
        bad |= event.event == EventKind::FirstBadProbe;
        !again
    });
    numbered.map(|(index, event)| Mark { t: event.t.max(0.0), number: index + 1 }).collect()
}

fn events(timeline: &[Event]) -> Markup {
    let named = format!("The {} of the drill with Pointsman", plural(timeline.len(), "event"));
    html! {
        (table::scrolling("Events", &html! {
            table.events {
                caption { (named) }
                thead { tr {
                    th scope="col" { "No." }
                    th scope="col" { "At" }
                    th scope="col" { "What happened" }
                } }
                tbody {
                    @for (index, event) in timeline.iter().enumerate() {
                        tr {
                            td { (index + 1) }
                            td { (seconds(event.t)) }
                            th scope="row" { (happened(event)) }
                        }
                    }
                }
            }
        }))
    }
}

fn happened(event: &Event) -> Markup {
    html! {
        strong { (event.event.words()) }
        @if let Some(region) = &event.region { " " span.region { (region) } }
        @if let Some(observer) = &event.observer { " " span.muted { "seen by " (observer) } }
        @if let Some(detail) = &event.detail { div.detail { (detail) } }
    }
}
