//! What the figures rest on, and what they cannot tell.

use maud::{Markup, html};

use super::table;
use crate::{
    Report,
    calls::{AwsCalls, sum},
    figures::{count, tally},
};

pub(super) fn calls(report: &Report) -> Markup {
    if report.aws_calls.is_empty() {
        return html! { p { "No call to AWS was recorded." } };
    }
    let all: u64 = report.aws_calls.iter().map(|call| call.count).sum();
    html! {
        p {
            (count(all as f64)) " calls of Pointsman’s functions and of the drill, as they passed the lab’s proxy; "
            "by list price " (sum(&report.aws_calls)) ". "
            @if only_route53_in(report) {
                strong {
                    "None went to a region that serves, except to Route 53’s control plane: "
                    "leaving a region needs nothing that is in it."
                }
            }
        }
        (table::scrolling("Calls to AWS", &html! {
            table.figures.left {
                caption { "Calls by service, region and operation" }
                thead { tr {
                    th scope="col" { "Operation" }
                    th scope="col" { "Service" }
                    th scope="col" { "Region" }
                    th scope="col" { "Calls" }
                    th scope="col" { "Failed" }
                    th scope="col" { "List price" }
                } }
                tbody {
                    @for AwsCalls { service, region, operation, count: calls, failed, injected, usd } in &report.aws_calls {
                        tr {
                            th scope="row" { (operation) }
                            td { (service) }
                            td { (region) }
                            td { (count(*calls as f64)) }
                            td {
                                (count(*failed as f64))
                                @if *injected > 0 { " " span.muted { (count(*injected as f64)) " by a fault" } }
                            }
                            td { (usd.map_or("–".to_owned(), |usd| usd.to_string())) }
                        }
                    }
                }
            }
        }))
    }
}

/// Whether no call went to a serving region but to Route 53's control plane.
fn only_route53_in(report: &Report) -> bool {
    let serves = |call: &AwsCalls| report.regions.iter().any(|region| region.as_str() == call.region);
    report.aws_calls.iter().all(|call| call.service == "route53" || !serves(call))
}

pub(super) fn expectations(report: &Report) -> Markup {
    html! {
        p { (tally(report)) ", as the scenario states them." }
        (table::scrolling("Expectations", &html! {
            table.left {
                caption { "What the scenario expects, and what was seen" }
                thead { tr {
                    th scope="col" { "Expected" }
                    th scope="col" { "Seen" }
                    th scope="col" { "Result" }
                } }
                tbody {
                    @for expectation in &report.expectations {
                        tr {
                            th scope="row" { (expectation.text) }
                            td { (expectation.seen) }
                            td { (table::met(expectation.met)) }
                        }
                    }
                }
            }
        }))
    }
}

pub(super) fn limits(report: &Report) -> Markup {
    let unmeasured: Vec<_> = report
        .comparison
        .all()
        .into_iter()
        .flat_map(|(who, it)| it.unmeasured.iter().map(move |(metric, why)| (who.name(), metric, why)))
        .collect();
    html! {
        h3 { "Not measured" }
        @if unmeasured.is_empty() {
            p { "Everything that this report can measure was measured." }
        } @else {
            (table::scrolling("What was not measured", &html! {
                table.left {
                    caption { "Figures that are missing, and why" }
                    thead { tr {
                        th scope="col" { "Figure" }
                        th scope="col" { "Of" }
                        th scope="col" { "Why" }
                    } }
                    tbody {
                        @for (who, metric, why) in &unmeasured {
                            tr { th scope="row" { code { (metric) } } td { (who) } td { (why) } }
                        }
                    }
                }
            }))
        }
        h3 { "The clients’ schedule" }
        p { (schedule(report)) }
        h3 { "Reasons to hold still that were seen" }
        @if report.holds.is_empty() {
            p { "None." }
        } @else {
            p.codes { @for code in &report.holds { code { (code.as_str()) } " " } }
        }
        h3 { "What the lab allows that AWS does not" }
        @if report.exemptions.is_empty() {
            p { "Nothing." }
        } @else {
            ul { @for exemption in &report.exemptions { li { (exemption) } } }
        }
    }
}

fn schedule(report: &Report) -> String {
    match (report.fleet.late_p99_ms, report.fleet.kept) {
        (None, _) => "No request was sent.".to_owned(),
        (Some(late), true) => {
            format!("Kept: of 100 requests 99 were sent no later than {late:.1} ms after their time.")
        }
        (Some(late), false) => format!(
            "NOT kept: of 100 requests one was sent {late:.1} ms late or more. Take the latencies with care: \
             this machine was too busy."
        ),
    }
}

pub(super) fn sources(report: &Report) -> Markup {
    let file = |name: &str, text: &str| {
        html! {
            @if text.is_empty() {
                p { (name) " is not in the data." }
            } @else {
                (table::folded(name, &html! {
                    pre tabindex="0" role="region" aria-label=(name) { code { (text) } }
                }))
            }
        }
    };
    html! {
        (file(&format!("The scenario, {}.toml", report.scenario), &report.source))
        (file("The configuration, pointsman.toml", &report.config))
    }
}
