//! What it costs: the deployment, and a second region of the service.

use maud::{Markup, html};

use super::table;
use crate::cost::{Cost, Item, Standby, Usd};

pub(super) fn section(cost: &Cost) -> Markup {
    html! {
        p {
            span.mark.warn { "model" } " "
            "List prices of " (cost.region) " as of " (cost.as_of) ", not a bill: check them before you rely on them. "
            "This deployment costs about " strong { (cost.monthly) " a month" } "."
        }
        (standby(cost))
        (table::folded(&format!("How {} a month come about", cost.monthly), &items(cost)))
        h3 { "Taken for granted" }
        ul { @for assumption in &cost.assumptions { li { (assumption) } } }
    }
}

fn standby(cost: &Cost) -> Markup {
    let most = cost.standby.iter().map(|it| it.share_bp).max().unwrap_or(1).max(1);
    let dearest = cost.standby.iter().map(|it| it.monthly).max().unwrap_or_default();
    html! {
        (table::scrolling("Standby strategies", &html! {
            table.figures.standby {
                caption { "A second region of the service, a month, by how it is kept ready (model). "
                    "Saved: less than an always-on duplicate, once Pointsman itself is paid." }
                thead { tr {
                    th scope="col" { "Strategy" }
                    th scope="col" { "Second region" }
                    th scope="col" { "Of the primary" }
                    th scope="col" { "Saved" }
                } }
                tbody { @for it in &cost.standby { (strategy(it, most, saved(dearest, it.monthly, cost.monthly))) } }
            }
        }))
    }
}

fn strategy(standby: &Standby, most: u32, saved: Option<Usd>) -> Markup {
    html! {
        tr {
            th scope="row" {
                (standby.name) " " span.muted { (standby.runs) }
                span.bar aria-hidden="true" {
                    span style={ "width:" (f64::from(standby.share_bp) / f64::from(most) * 100.0) "%" } {}
                }
            }
            td { (standby.monthly) }
            td { (f64::from(standby.share_bp) / 100.0) "\u{a0}%" }
            td { (saved.map_or("–".to_owned(), |saved| saved.to_string())) }
        }
    }
}

/// What is left of the difference once Pointsman is paid.
fn saved(dearest: Usd, this: Usd, pointsman: Usd) -> Option<Usd> {
    dearest.less(this)?.less(pointsman)
}

fn items(cost: &Cost) -> Markup {
    html! {
        (table::scrolling("Items of the monthly cost", &html! {
            table.figures {
                caption { "Pointsman’s own items by list price, without free tiers" }
                thead { tr {
                    th scope="col" { "Item" }
                    th scope="col" { "A month" }
                } }
                tbody {
                    @for Item { name, how, monthly, .. } in &cost.items {
                        tr { th scope="row" { (name) " " span.muted { (how) } } td { (monthly) } }
                    }
                }
                tfoot { tr { th scope="row" { "Together" } td { strong { (cost.monthly) } } } }
            }
        }))
        p.note { "Prices from:" }
        ul.note { @for source in sources(cost) { li { (source) } } }
    }
}

/// Each once, in the items' order.
fn sources(cost: &Cost) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for item in &cost.items {
        if !all.contains(&item.source.as_str()) {
            all.push(&item.source);
        }
    }
    all
}
