//! The headline figures, each with its target.

use maud::{Markup, html};

use super::table;
use crate::report::{
    Report,
    figures::{Headline, Target, headlines},
};

pub(super) fn tiles(report: &Report) -> Markup {
    html! { dl.tiles { @for headline in headlines(report) { (tile(&headline)) } } }
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
