//! `report.html`: one file that needs no network and no script, and says everything in words too.

mod anomaly;
mod axis;
mod chart;
mod comparison;
mod cost;
mod evidence;
mod headline;
mod lanes;
mod table;
mod timeline;
mod traffic;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    Report,
    figures::{Ending, plural, seconds, tally},
};

const STYLE: &str = include_str!("page/style.css");
/// Scenario, config and reasons come from files: whatever stands in them, nothing is run or fetched.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The report as a page. The same report gives the same page.
#[must_use]
pub fn html(report: &Report) -> String {
    let sections = sections(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (report.scenario) " – Pointsman drill report" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) (PreEscaped(chart::ink_rules())) }
            }
            body {
                a.skip href="#content" { "Skip to the figures" }
                (lanes::patterns())
                (header(report, &sections))
                main #content tabindex="-1" {
                    @for Section { id, heading, body, .. } in &sections {
                        section aria-labelledby=(id) {
                            h2 id=(id) { (heading) }
                            (body)
                        }
                    }
                }
                footer {
                    p {
                        "Made by " code { "pointsman drill" } " from recorded events: the clients' requests, the calls to AWS, "
                        "the name servers' answers and the observers' words."
                    }
                }
            }
        }
    };
    page.into_string()
}

struct Section {
    id: &'static str,
    /// In the table of contents.
    short: &'static str,
    heading: &'static str,
    body: Markup,
}

fn sections(report: &Report) -> Vec<Section> {
    let section = |id, short, heading, body| Section { id, short, heading, body };
    let rivals = report.comparison.all().len() > 1;
    let mut all = vec![section("figures", "Figures", "Headline figures", headline::tiles(report))];
    if rivals {
        all.push(section("comparison", "Side by side", "Side by side", comparison::section(report)));
    }
    all.extend([
        section("timeline", "Timeline", "Timeline", timeline::section(report)),
        section("latency", "Latency", "Latency", traffic::latency(report)),
        section("traffic", "Traffic", "Throughput and success", traffic::throughput(report)),
        section("availability", "Availability", "Availability", traffic::availability(report)),
    ]);
    if report.anomaly.is_there() {
        all.push(section("anomaly", "Anomaly", "Anomaly score", anomaly::section(report)));
    }
    if let Some(cost) = &report.cost {
        all.push(section("cost", "Cost", "Cost", cost::section(cost)));
    }
    all.extend([
        section("calls", "AWS calls", "AWS calls", evidence::calls(report)),
        section("expectations", "Expectations", "Expectations", evidence::expectations(report)),
        section("limits", "Limits", "What to know about these figures", evidence::limits(report)),
        section("sources", "Sources", "Scenario and configuration", evidence::sources(report)),
    ]);
    all
}

fn header(report: &Report, sections: &[Section]) -> Markup {
    let ending = Ending::of(report);
    let (class, sign) = match ending {
        Ending::Met => ("verdict good", "✓"),
        Ending::NotMet => ("verdict bad", "✗"),
        Ending::Interrupted => ("verdict warn", "◐"),
    };
    let fact = |name: &str, value: String| html! { div { dt { (name) } dd { (value) } } };
    let names = |name: &str, names: Vec<&str>| {
        let commas = std::iter::repeat_n(", ", names.len().saturating_sub(1)).chain([""]);
        html! { div { dt { (name) } dd { @for (name, comma) in names.iter().zip(commas) { span { (name) } (comma) } } } }
    };
    html! {
        header {
            p.kicker { "Pointsman drill report" }
            h1 { (report.scenario) }
            p.lede { (report.title) "." }
            p class=(class) {
                span.sign aria-hidden="true" { (sign) }
                strong { (ending.words()) }
                span { (tally(report)) }
            }
            dl.facts {
                (names("Regions", report.regions.iter().map(|region| region.as_str()).collect()))
                (names("Observers", report.observers.iter().map(|observer| observer.as_str()).collect()))
                (fact("Emulated AWS", report.emulator.clone()))
                (fact("Lasted", seconds(report.lasted_s)))
                (fact("TTL", seconds(report.ttl_s)))
                (fact("Propagation", seconds(report.propagation_s)))
                (fact("Health check to answer", seconds(report.r29_s)))
                (fact("Seed", report.seed.to_string()))
                (fact("Speed", format!("{} ×", report.speed)))
            }
            p.note {
                "All times are unscaled: seconds as in life, whatever the speed of the drill. "
                @if report.faults.len() > 1 {
                    (plural(report.faults.len(), "fault")) "; where nothing else is said, figures are the first’s."
                }
            }
            nav aria-label="Sections" {
                ul { @for Section { id, short, .. } in sections { li { a href={ "#" (id) } { (short) } } } }
            }
        }
    }
}
