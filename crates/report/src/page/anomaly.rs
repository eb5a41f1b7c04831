//! How unusual observers found the regions, and who saw a fault first.

use domain::RegionName;
use maud::{Markup, html};

use super::{
    axis::Axis,
    chart::{Chart, Ink, Line},
    table, timeline,
};
use crate::{
    Report,
    anomaly::{Detection, Score},
    figures::seconds,
};

/// A line has no more points than this.
const POINTS: usize = 400;
/// Of the observers, in their order.
const INKS: [Ink; 3] = [Ink::Pointsman, Ink::P95, Ink::P99];

pub(super) fn section(report: &Report) -> Markup {
    let track = &report.anomaly;
    html! {
        p.note {
            "From 0 to 1, by each observer’s own forest; 0.5 is an average round. Written every 30 s, and in every round that is "
            "unusual. The score is no independent signal: alone it moves nothing, and it never keeps traffic where it is."
        }
        @if !track.detection.is_empty() {
            (table::scrolling("Detection with the forest and without", &html! {
                table.figures {
                    caption { "Fault to first word, with the forest and without" }
                    thead { tr {
                        th scope="col" { "Region" }
                        th scope="col" { "Seen by" }
                        th scope="col" { "With" }
                        th scope="col" { "Without" }
                        th scope="col" { "Sooner by" }
                    } }
                    tbody { @for detection in &track.detection {
                        (row(&detection.region, "one observer", detection.with_s, detection.without_s))
                        (row(&detection.region, "a quorum", detection.quorum_with_s, detection.quorum_without_s))
                    } }
                }
            }))
        }
        @for (place, region) in report.regions.iter().enumerate().take(IDS.len()) { (chart(report, region, IDS[place])) }
    }
}

/// Charts' names are fixed; more regions than these have no chart.
const IDS: [&str; 4] = ["anomaly-0", "anomaly-1", "anomaly-2", "anomaly-3"];

fn row(region: &RegionName, by: &str, with: Option<f64>, without: Option<f64>) -> Markup {
    let told = |time: Option<f64>| time.map_or("never".to_owned(), seconds);
    let sooner = with.zip(without).map_or("–".to_owned(), |(with, without)| seconds(without - with));
    html! { tr { th scope="row" { (region) } td { (by) } td { (told(with)) } td { (told(without)) } td { (sooner) } } }
}

fn chart(report: &Report, region: &RegionName, id: &'static str) -> Markup {
    let lines = report.observers.iter().zip(INKS).map(|(observer, ink)| {
        let own = report.anomaly.scores.iter().filter(|it| it.observer == *observer && it.region == *region);
        Line { name: observer.to_string(), ink, points: thinned(&own.collect::<Vec<_>>()) }
    });
    let time = timeline::time(report);
    let chart = Chart {
        id,
        title: "Anomaly score",
        message: message(report, region),
        values: Axis::linear(1.0, 5, ""),
        ends: time.ends,
        faults: time.faults,
        lines: lines.collect(),
    };
    chart.render()
}

/// The highest of neighbours, where there are too many to be drawn.
fn thinned(scores: &[&Score]) -> Vec<(f64, Option<f64>)> {
    let of = |scores: &[&Score]| {
        let highest = scores.iter().filter_map(|it| it.score).reduce(f64::max);
        (scores[0].t.max(0.0), highest)
    };
    scores.chunks(scores.len().div_ceil(POINTS).max(1)).map(of).collect()
}

fn message(report: &Report, region: &RegionName) -> String {
    let detection: Option<&Detection> = report.anomaly.detection.iter().find(|it| it.region == *region);
    match detection.map(|it| (it.with_s, it.without_s)) {
        None => format!("Of {region}, which had no fault."),
        Some((None, _)) => format!("Of {region}. No observer found the fault unusual."),
        Some((Some(with), None)) => {
            format!("Of {region}. Unusual {} after the fault; no verdict ever changed.", seconds(with))
        }
        Some((Some(with), Some(without))) => format!(
            "Of {region}. Unusual {} after the fault; the first verdict that it is degraded or down came after {}.",
            seconds(with),
            seconds(without)
        ),
    }
}
