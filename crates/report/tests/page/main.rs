//! The report as a page and as Markdown.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod fixture;

use fixture::{outage, unmeasured};
use report::{
    Report,
    anomaly::{Detection, Score, Track},
    page,
};

/// What stands between two texts.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("`{from}` is in the page"));
    rest.split_once(to).unwrap_or_else(|| panic!("`{to}` follows `{from}`")).0
}

fn section<'a>(page: &'a str, id: &str) -> &'a str {
    between(page, &format!("<section aria-labelledby=\"{id}\">"), "</section>")
}

#[test]
fn the_same_report_gives_the_same_page_and_a_small_one() {
    let page = page::html(&outage());
    assert_eq!(page, page::html(&outage()));
    assert!(page.len() < 300_000, "{} bytes", page.len());
    // A fixture for those who want to look at it.
    if let Some(folder) = std::env::var_os("POINTSMAN_PAGES") {
        for (name, report) in [("outage", outage()), ("unmeasured", unmeasured())] {
            let file = |kind| std::path::Path::new(&folder).join(format!("{name}.{kind}"));
            std::fs::write(file("html"), page::html(&report)).unwrap();
            std::fs::write(file("md"), report.markdown()).unwrap();
            std::fs::write(file("json"), serde_json::to_vec(&report).unwrap()).unwrap();
        }
    }
}

#[test]
fn an_hour_s_drill_stays_below_the_bound() {
    let mut report = outage();
    report.lasted_s = 3_600.0;
    for controller in [
        Some(&mut report.comparison.pointsman),
        report.comparison.native.as_mut(),
        report.comparison.threshold.as_mut(),
        report.comparison.no_failover.as_mut(),
    ]
    .into_iter()
    .flatten()
    {
        let series = &mut controller.series;
        for values in [&mut series.requests, &mut series.succeeded].into_iter().chain(series.reached.values_mut()) {
            *values = values.iter().copied().cycle().take(3_600).collect();
        }
        for values in [&mut series.p50_ms, &mut series.p95_ms, &mut series.p99_ms] {
            *values = values.iter().copied().cycle().take(3_600).collect();
        }
    }
    let page = page::html(&report);
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}

#[test]
fn the_anomaly_score_has_a_track_of_its_own_where_there_is_one() {
    let mut report = outage();
    assert!(!page::html(&report).contains("<section aria-labelledby=\"anomaly\">"));
    let (observer, region) = (report.observers[0].clone(), report.regions[0].clone());
    let scores = (0..9_000).map(|round| Score {
        t: f64::from(round) / 64.0,
        observer: observer.clone(),
        region: region.clone(),
        score: (round > 640).then_some(0.5),
        unusual: round > 700,
    });
    let detection = Detection {
        region: region.clone(),
        with_s: Some(1.5),
        without_s: Some(21.0),
        quorum_with_s: Some(2.0),
        quorum_without_s: None,
    };
    report.anomaly = Track { scores: scores.collect(), detection: vec![detection] };
    let page = page::html(&report);
    let anomaly = section(&page, "anomaly");
    for words in ["a quorum", "19.5", "never", "Unusual 1.5"] {
        assert!(anomaly.contains(words), "{words}: {anomaly}");
    }
    assert!(anomaly.len() < 60_000, "{} bytes", anomaly.len());
    assert!(report.markdown().contains("| eu-west-1 | a quorum | 2.0"), "{}", report.markdown());
}

#[test]
fn what_stands_in_files_is_shown_and_never_run() {
    let evil = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>";
    let mut report = outage();
    report.title = evil.to_owned();
    report.scenario = evil.to_owned();
    report.source = evil.to_owned();
    report.config = format!("</pre>{evil}");
    report.exemptions = vec![evil.to_owned()];
    report.expectations[0].seen = evil.to_owned();
    report.timeline[0].detail = Some(evil.to_owned());
    report.aws_calls[0].operation = evil.to_owned();
    let page = page::html(&report);
    assert!(!page.contains("<script") && !page.contains("<img"), "markup of a file is markup of the page");
    assert!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count() >= 8);
    assert!(!report.markdown().contains("<script"));
}

#[test]
fn every_controller_is_in_the_comparison_and_the_best_is_marked() {
    let page = page::html(&outage());
    let table = between(section(&page, "comparison"), "<table", "</table>");
    let head = between(table, "<thead>", "</thead>");
    for name in ["Pointsman", "Route 53 alone", "Single prober", "No failover"] {
        assert!(head.contains(name), "{name}");
    }
    let answer = between(table, "fault to DNS answer changed", "</tr>");
    assert!(answer.contains("best</span> <strong>14.1\u{a0}s</strong>"), "{answer}");
    assert_eq!(answer.matches("best").count(), 2, "a class and a word, in one cell: {answer}");
    let wrong = between(table, "away from a sound region", "</tr>");
    assert!(!wrong.contains("best"), "all are the same: {wrong}");
}

#[test]
fn what_is_missing_says_why() {
    let page = page::html(&outage());
    let comparison = section(&page, "comparison");
    assert!(comparison.contains("<li id=\"why-2\">no quorum saw the region down</li>"), "{comparison}");
    assert!(comparison.contains("href=\"#why-2\""));

    let page = page::html(&unmeasured());
    let figures = section(&page, "figures");
    assert_eq!(figures.matches("not measured").count(), 5, "all but the false failovers: {figures}");
    assert_eq!(figures.matches("the drill was interrupted").count(), 2, "MTTR and clients moved: {figures}");
    assert!(page.contains("Partial: it was interrupted"));
    assert!(!page.contains("NaN") && !page.contains("inf%"));
}

#[test]
fn headline_figures_are_held_against_their_targets() {
    let mut report = outage();
    report.objectives.rto_s = Some(30.0);
    let tiles = |report: &Report| section(&page::html(report), "figures").to_owned();
    let recovery = between(&tiles(&report), "Recovery (MTTR)", "</div>").to_owned();
    assert!(recovery.contains("34.1\u{a0}s") && recovery.contains("NOT MET</span> RTO 30.0\u{a0}s"), "{recovery}");
    let recovery = between(&tiles(&outage()), "Recovery (MTTR)", "</div>").to_owned();
    assert!(recovery.contains("met</span> RTO 45.0\u{a0}s"), "{recovery}");
    let moved = between(&tiles(&report), "Clients moved", "</div>").to_owned();
    assert!(moved.contains("met</span> at most 38.0\u{a0}s"), "{moved}");
    let lost = between(&tiles(&report), "Data lost (RPO)", "</div>").to_owned();
    assert!(lost.contains("keep no data") && lost.contains("not known"), "{lost}");
}

#[test]
fn an_expectation_that_is_not_met_is_told_at_the_top() {
    let mut report = outage();
    report.expectations[1].met = false;
    let page = page::html(&report);
    let verdict = between(&page, "<p class=\"verdict bad\">", "</p>");
    assert!(verdict.contains("Expectations NOT met") && verdict.contains("10 of 11 expectations met"), "{verdict}");
    assert!(report.markdown().starts_with("## ❌ Drill `region-outage`: Expectations NOT met"));
}

#[test]
fn the_regions_of_the_calls_decide_what_is_said_of_the_emergency_path() {
    let said = |report: &Report| section(&page::html(report), "calls").contains("None went to a region that serves");
    let mut report = outage();
    assert!(said(&report), "Route 53's control plane alone is in us-east-1");
    report.aws_calls[8].region = "eu-west-1".to_owned();
    assert!(!said(&report), "S3 was called in a region that serves");
}

#[test]
fn nothing_is_fetched() {
    let page = page::html(&outage());
    for sign in ["src=", "url(http", "@import", "<link rel=\"stylesheet", "<iframe"] {
        assert!(!page.contains(sign), "{sign}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn markdown_is_short_and_whole() {
    let text = outage().markdown();
    assert!(text.lines().count() < 100, "{}", text.lines().count());
    assert!(text.starts_with("## ✅ Drill `region-outage`: Expectations met"), "{text}");
    for line in [
        "| Recovery (MTTR) | 34.1\u{a0}s | RTO 45.0\u{a0}s | met |",
        "| Answer | 14.1\u{a0}s | 33.7\u{a0}s | – | – |",
        "| 13.9\u{a0}s | Records changed · us-east-1 · epoch 1 |",
        "| 13.4\u{a0}s | Plan to move · us-east-1 · eu-west-1 is down for 3 of 3 observers, 3 rounds in a row; \
         orders fails too; us-east-1 is up for 3 of 3 |",
        "- Single prober, `answer_s`: the answer never left the region",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    let text = unmeasured().markdown();
    assert!(text.contains("not measured: the drill was interrupted") && text.contains("### Not as expected"), "{text}");
    assert!(!text.contains("Side by side"), "there was nobody to compare with");
}
