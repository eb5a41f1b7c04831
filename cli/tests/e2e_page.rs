//! A drill's report in a real browser: both themes, phone to desk, by keyboard and by axe-core's rules.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

#[path = "support/browser.rs"]
mod browser;
#[path = "../../crates/report/tests/page/fixture.rs"]
mod fixture;
#[path = "../../crates/lab/tests/needs/mod.rs"]
mod needs;

use std::collections::{BTreeMap, BTreeSet};

use browser::{Browser, Theme};
use report::page;
use serde_json::{Value, json};

#[test]
fn a_report_can_be_read_on_any_screen_in_any_theme_and_by_keyboard() {
    let Some(browser) = Browser::find(&browser::kept()) else {
        needs::not_run("Chromium");
        return;
    };
    let mut backgrounds = BTreeSet::new();
    for theme in [Theme::Light, Theme::Dark] {
        let (findings, strange) = browser.visit(theme, pages(&browser.axe));
        assert_eq!(findings["error"], Value::Null, "{theme:?}");
        assert_eq!(findings["dark"], json!(theme == Theme::Dark), "the browser shows the theme asked for");
        assert_eq!(strange, Vec::<String>::new(), "{theme:?}: a page asked for something");
        let looked = findings["pages"].as_array().unwrap();
        assert_eq!(looked.len(), 6, "two reports at three widths");
        for found in looked {
            judge(found, &format!("{theme:?}, {} at {}", found["report"], found["width"]));
            backgrounds.insert(found["background"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(backgrounds.len(), 2, "one a theme: {backgrounds:?}");
}

fn judge(found: &Value, of: &str) {
    assert_eq!(found["overflow"], 0, "{of}: the page scrolls sideways: {}", found["beyond"]);
    for (what, finding) in [
        ("beyond", "stands out of the page"),
        ("fetched", "is fetched"),
        ("unreachable", "can't be reached by keyboard"),
        ("small", "is a chart's text less than 10 px high"),
        ("complaints", "is what axe-core complains about"),
    ] {
        assert_eq!(found[what], json!([]), "{of}: {finding}");
    }
    assert_eq!(found["unfoldable"], 0, "{of}: what is folded can't be opened");
    assert_eq!(found["unmarked"], false, "{of}: what has the focus does not show it");
    assert_eq!(found["uninked"], 0, "{of}: lines have no colour of the theme's");
    assert!(found["summaries"].as_u64().unwrap() >= 2, "{of}: scenario and configuration are folded");
    let headings: Vec<_> = found["headings"].as_array().unwrap().iter().map(|level| level.as_u64().unwrap()).collect();
    assert_eq!(headings.iter().filter(|level| **level == 1).count(), 1, "{of}");
    assert!(headings.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{of}: a level is left out: {headings:?}");
    let charts = found["charts"].as_array().unwrap();
    assert!(charts.iter().all(|shown| *shown == 1), "{of}: each chart is there once: {charts:?}");
    if found["report"] == "outage" {
        assert_eq!(charts.len(), 3, "{of}");
        assert!(found["inked"].as_u64().unwrap() > 10, "{of}: charts have lines");
    }
}

/// The checking page, each report as it is, and a copy of each in which axe-core may run.
fn pages(axe: &str) -> BTreeMap<String, String> {
    let checks = include_str!("support/page_checks.js");
    let icon = "<link rel='icon' href='data:,'>";
    let mut pages = BTreeMap::from([(
        "/".to_owned(),
        format!("<!doctype html><title>checks</title>{icon}<body><script>{checks}</script>"),
    )]);
    for (name, report) in [("outage", fixture::outage()), ("unmeasured", fixture::unmeasured())] {
        let html = page::html(&report);
        let (before, after) = html.split_once("<meta http-equiv").unwrap();
        let (_, after) = after.split_once('>').unwrap();
        pages.insert(format!("/axe/{name}"), format!("{before}<script>{axe}</script>{after}"));
        pages.insert(format!("/{name}"), html);
    }
    pages
}
