//! The controllers side by side: a table, and where the time went.

use maud::{Markup, PreEscaped, html};

use super::{chart::Ink, table};
use crate::{
    Controller, Report,
    figures::{ANSWER, COMPARED, DECISION, DETECTION, FAILOVER, Figure, MTTR, Who, seconds},
};

pub(super) fn section(report: &Report) -> Markup {
    let all = report.comparison.all();
    html! {
        p {
            "The same faults, seed, TTL, propagation and speed for all, at the same time in the same lab. "
            @if all.iter().filter(|(who, _)| *who != Who::Nobody).count() > 1 {
                "The best of a row is marked; “no failover” takes no part in that."
            }
        }
        (compared(&all))
        (spent(&all))
    }
}

fn compared(all: &[(Who, &Controller)]) -> Markup {
    let mut notes = Notes::default();
    let rows: Vec<_> = COMPARED.iter().map(|figure| row(figure, all, &mut notes)).collect();
    html! {
        (table::scrolling("Comparison of the controllers", &html! {
            table.figures.compared {
                caption { "Figures of each controller" }
                thead { tr {
                    th scope="col" { "Figure" }
                    @for (who, _) in all {
                        th scope="col" { (swatch(*who)) (who.name()) }
                    }
                } }
                tbody { @for row in &rows { (row) } }
            }
        }))
        @if !notes.0.is_empty() {
            ol.notes { @for (index, why) in notes.0.iter().enumerate() { li id={ "why-" (index + 1) } { (why) } } }
        }
        dl.who { @for (who, _) in all { div { dt { (swatch(*who)) (who.name()) } dd { (who.is()) } } } }
    }
}

/// Reasons, each once.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    /// Its number, from 1.
    fn number(&mut self, why: &str) -> usize {
        let found = self.0.iter().position(|known| known == why);
        found.unwrap_or_else(|| {
            self.0.push(why.to_owned());
            self.0.len() - 1
        }) + 1
    }
}

fn row(figure: &Figure, all: &[(Who, &Controller)], notes: &mut Notes) -> Markup {
    let rivals: Vec<_> =
        all.iter().filter(|(who, _)| *who != Who::Nobody).map(|(_, controller)| figure.of(controller)).collect();
    let best = figure.best(&rivals).map(|best| figure.unit.write(best));
    let cells: Vec<_> = all
        .iter()
        .map(|(who, controller)| match figure.written(controller) {
            Some(text) if *who != Who::Nobody && best.as_ref() == Some(&text) => {
                html! { td.best { span.tag { "best" } " " strong { (text) } } }
            }
            Some(text) => html! { td { (text) } },
            None => {
                let number = notes.number(figure.missing(controller));
                html! { td.none { "–" sup { a href={ "#why-" (number) } aria-label={ "why, note " (number) } { (number) } } } }
            }
        })
        .collect();
    html! {
        tr {
            th scope="row" { (figure.label) " " span.muted { (figure.meaning) } }
            @for cell in &cells { (cell) }
        }
    }
}

pub(super) fn swatch(who: Who) -> Markup {
    html! { span class={ "swatch " (Ink::from(who).name()) } aria-hidden="true" {} }
}

/// Stages on the way from the fault until clients are at the target.
const STAGES: [(Figure, &str); 4] =
    [(DETECTION, "seen"), (DECISION, "decided"), (ANSWER, "answered"), (FAILOVER, "moved")];

fn spent(all: &[(Who, &Controller)]) -> Markup {
    let ends = |controller: &Controller| STAGES.iter().filter_map(|(figure, _)| figure.of(controller)).reduce(f64::max);
    let longest = all.iter().filter_map(|(_, it)| ends(it).into_iter().chain(MTTR.of(it)).reduce(f64::max));
    let Some(longest) = longest.reduce(f64::max).filter(|longest| *longest > 0.0) else { return html! {} };
    let said: Vec<_> = all
        .iter()
        .filter_map(|(who, controller)| Some(format!("{} {}", who.name(), FAILOVER.written(controller)?)))
        .collect();
    let message = if said.is_empty() {
        "Nobody's clients moved.".to_owned()
    } else {
        format!("From the fault until clients had moved: {}.", said.join(", "))
    };
    html! {
        figure.spent {
            figcaption { strong { "Where the time went" } " " span.muted { (message) } }
            ul.legend aria-hidden="true" {
                li { span.key.stage-0 {} "until seen" }
                li { span.key.stage-1 {} "until decided" }
                li { span.key.stage-2 {} "until the answer changed" }
                li { span.key.stage-3 {} "until clients moved" }
                li { span.key.recovered { "◆" } "recovered" }
            }
            div.lanes role="img" aria-label={ "Where the time went. " (message) } {
                @for (who, controller) in all {
                    div.label { (swatch(*who)) (who.name()) }
                    (bar(controller, longest))
                }
            }
        }
    }
}

fn bar(controller: &Controller, longest: f64) -> Markup {
    // Room for the last label.
    let percent = |t: f64| format!("{:.2}%", t / longest * 86.0);
    let mut from = 0.0;
    let mut parts = Vec::new();
    for (index, (figure, _)) in STAGES.iter().enumerate() {
        let Some(to) = figure.of(controller).filter(|to| *to > from) else { continue };
        parts.push(html! {
            rect class={ "stage-" (index) } x=(percent(from)) y="5" width=(percent(to - from)) height="16" {}
        });
        from = to;
    }
    let label = FAILOVER.of(controller).map_or("not left".to_owned(), seconds);
    let recovered = MTTR.of(controller);
    let after = from.max(recovered.unwrap_or(0.0));
    html! {
        svg.lane width="100%" height="26" {
            @for part in &parts { (part) }
            @if let Some(recovered) = recovered {
                (PreEscaped(format!("<text class='recovered' x='{}' y='18' text-anchor='middle'>◆</text>", percent(recovered))))
            }
            svg x=(percent(after)) { text x="12" y="17" { (label) } }
        }
    }
}
