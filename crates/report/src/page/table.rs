//! Tables that scroll in their own box, and signs that do not rest on colour.

use maud::{Markup, html};

/// A box that a keyboard can scroll too.
pub(super) fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label={ "Table: " (label) } tabindex="0" { (table) } }
}

/// Met or not.
pub(super) fn met(met: bool) -> Markup {
    if met {
        html! { span.mark.good { span aria-hidden="true" { "✓ " } "met" } }
    } else {
        html! { span.mark.bad { span aria-hidden="true" { "✗ " } "NOT MET" } }
    }
}

/// Something long, folded.
pub(super) fn folded(summary: &str, content: &Markup) -> Markup {
    html! { details { summary { (summary) } (content) } }
}
