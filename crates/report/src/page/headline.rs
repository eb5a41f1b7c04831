//! The headline figures, each with its target.

use maud::{Markup, html};

use super::{table, timeline};
use crate::{
    Report,
    figures::{Headline, Target, headlines, seconds},
    metrics::Measured,
};

pub(super) fn tiles(report: &Report) -> Markup {
    html! {
        dl.tiles { @for headline in headlines(report) { (tile(&headline)) } }
        @if report.faults.len() > 1 { (each_fault(report)) }
    }
}

fn tile(headline: &Headline) -> Markup {
    html! {
        div {
            dt { (headline.label) }
            @match &headline.value {
                Ok(value) => { dd.value { (value) } dd.meaning { (headline.meaning) } }
                Err(why) => { dd.value.none { "not measured" } dd.meaning { (why) } }
            }
            dd.target {
                @match &headline.target {
                    None => { span.muted { "no target set" } }
                    Some(Target { text, met: Some(met) }) => { (table::met(*met)) " " (text) }
                    Some(Target { text, met: None }) => {
                        span.mark.warn { span aria-hidden="true" { "? " } "not known" } " " (text)
                    }
                }
            }
        }
    }
}

fn each_fault(report: &Report) -> Markup {
    html! {
        (table::scrolling("Each fault", &html! {
            table.figures {
                caption { "Each fault with Pointsman; the figures above are the first’s" }
                thead { tr {
                    th scope="col" { "Fault" }
                    th scope="col" { "At" }
                    th scope="col" { "Detection" }
                    th scope="col" { "Answer" }
                    th scope="col" { "Clients moved" }
                    th scope="col" { "MTTR" }
                    th scope="col" { "Failback" }
                } }
                tbody { @for fault in &report.faults { (row(fault)) } }
            }
        }))
    }
}

fn row(Measured { lived, metrics, unmeasured, .. }: &Measured) -> Markup {
    let cells = [
        ("detection_s", metrics.detection_s),
        ("answer_s", metrics.answer_s),
        ("failover_s", metrics.failover_s),
        ("mttr_s", metrics.mttr_s),
        ("failback_s", metrics.failback_s),
    ];
    let mut reasons: Vec<_> =
        cells.iter().filter_map(|(metric, value)| unmeasured.get(*metric).filter(|_| value.is_none())).collect();
    reasons.dedup();
    html! {
        tr {
            th scope="row" {
                (timeline::target(&lived.what)) " " span.muted { (lived.what) }
                @for why in reasons { " " span.muted { "– " (why) } }
            }
            td { (seconds(lived.injected)) }
            @for (_, value) in cells { td { (value.map_or("–".to_owned(), seconds)) } }
        }
    }
}
