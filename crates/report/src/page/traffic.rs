//! What clients lived through: latency, throughput, success and availability.

use maud::{Markup, html};

use super::{
    axis::Axis,
    chart::{Chart, Ink, Line},
    comparison::swatch,
    lanes::{Fill, Stretch, joined},
    table, timeline,
};
use crate::{
    Controller, Report, Series,
    figures::{AVAILABILITY, FAILED, Who, count, millis, percent, seconds},
    metrics::Percentiles,
};

/// A line has no more points than this.
const POINTS: usize = 400;
/// A table of numbers has no more rows than this.
const ROWS: usize = 30;
/// A second is good from this share of successes on.
const GOOD: f64 = 0.99;

pub(super) fn latency(report: &Report) -> Markup {
    let series = &report.comparison.pointsman.series;
    let step = step(series, POINTS);
    let line = |name: &str, ink, values: &[Option<f64>]| Line {
        name: name.to_owned(),
        ink,
        points: binned(values, step, |bin| bin.iter().copied().flatten().reduce(f64::max)),
    };
    let latency = &report.metrics.latency_ms;
    let median = |when: &str, of: &Percentiles| Some(format!("{when} {}", of.p50.map(millis)?));
    let medians: Vec<_> =
        [median("before", &latency.before), median("during", &latency.during), median("after", &latency.after)]
            .into_iter()
            .flatten()
            .collect();
    let message = if medians.is_empty() {
        "No latency was measured.".to_owned()
    } else {
        format!("With Pointsman, half of the requests took no longer than: {}.", medians.join(", "))
    };
    let lines = vec![
        line("p50", Ink::Pointsman, &series.p50_ms),
        line("p95", Ink::P95, &series.p95_ms),
        line("p99", Ink::P99, &series.p99_ms),
    ];
    let measured = lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value);
    let chart = Chart {
        id: "latency-chart",
        title: "Latency over time",
        message,
        values: Axis::log(measured, "ms"),
        ends: timeline::time(report).ends,
        faults: timeline::time(report).faults,
        lines,
    };
    html! {
        p.note {
            "Of requests that were answered or timed out, from the time at which each was meant to be sent, so that a stall counts. "
            "The axis goes up by factors."
        }
        @if is_measured(series) { (chart.render()) }
        (before_during_after(report))
    }
}

fn before_during_after(report: &Report) -> Markup {
    let latency = &report.metrics.latency_ms;
    let rows = [
        ("Before the fault", "latency_ms.before", latency.before),
        ("During it", "latency_ms.during", latency.during),
        ("After it", "latency_ms.after", latency.after),
    ];
    let cell = |value: Option<f64>| html! { td { (value.map_or("–".to_owned(), millis)) } };
    html! {
        (table::scrolling("Latency before, during and after the fault", &html! {
            table.figures {
                caption { "Latency of Pointsman’s clients" }
                thead { tr {
                    th scope="col" { "When" }
                    th scope="col" { "p50" }
                    th scope="col" { "p95" }
                    th scope="col" { "p99" }
                } }
                tbody {
                    @for (when, metric, of) in rows {
                        tr {
                            th scope="row" {
                                (when)
                                @if let Some(why) = report.unmeasured.get(metric) { " " span.muted { (why) } }
                            }
                            (cell(of.p50)) (cell(of.p95)) (cell(of.p99))
                        }
                    }
                }
            }
        }))
    }
}

pub(super) fn throughput(report: &Report) -> Markup {
    let all = report.comparison.all();
    let ours = &report.comparison.pointsman;
    let step = step(&ours.series, POINTS);
    let rate = |bin: &[u32]| Some(f64::from(bin.iter().sum::<u32>()) / bin.len() as f64);
    let mut rates: Vec<_> = all
        .iter()
        .map(|(who, it)| Line {
            name: format!("{}: 2xx", who.name()),
            ink: (*who).into(),
            points: binned(&it.series.succeeded, step, rate),
        })
        .collect();
    rates.push(Line { name: "sent".to_owned(), ink: Ink::Sent, points: binned(&ours.series.requests, step, rate) });
    let most = rates.iter().flat_map(|line| &line.points).filter_map(|(_, rate)| *rate).fold(1.0, f64::max);
    let successes = all.iter().map(|(who, it)| {
        let both: Vec<_> = it.series.requests.iter().copied().zip(it.series.succeeded.iter().copied()).collect();
        Line { name: who.name().to_owned(), ink: (*who).into(), points: binned(&both, step, success_percent) }
    });
    let time = timeline::time(report);
    let chart = |id, title, message, values, lines| Chart {
        id,
        title,
        message,
        values,
        ends: time.ends,
        faults: time.faults.clone(),
        lines,
    };
    let throughput = ours.metrics.throughput_rps.map_or("no request was sent".to_owned(), |rate| {
        format!("{} of Pointsman’s requests a second were answered with 2xx on average", count(rate))
    });
    html! {
        @if is_measured(&ours.series) {
            (chart("throughput-chart", "Requests a second", format!("{throughput}."), Axis::linear(most * 1.1, 5, "/s"), rates).render())
            (chart(
                "success-chart", "Success over time", succeeded_in_all(&all), Axis::linear(100.0, 5, "%"), successes.collect(),
            ).render())
            (table::folded("The numbers behind these charts", &numbers(&all)))
        } @else {
            p { "No request was sent: there is nothing to draw." }
        }
    }
}

fn succeeded_in_all(all: &[(Who, &Controller)]) -> String {
    let rates =
        all.iter().filter_map(|(who, it)| Some(format!("{} {}", who.name(), percent(it.metrics.success_rate?))));
    format!("Requests that succeeded: {}.", rates.collect::<Vec<_>>().join(", "))
}

fn success_percent(bin: &[(u32, u32)]) -> Option<f64> {
    let sent: u32 = bin.iter().map(|(sent, _)| sent).sum();
    let succeeded: u32 = bin.iter().map(|(_, succeeded)| succeeded).sum();
    (sent > 0).then(|| f64::from(succeeded) / f64::from(sent) * 100.0)
}

fn numbers(all: &[(Who, &Controller)]) -> Markup {
    let Some((_, ours)) = all.first() else { return html! {} };
    let step = step(&ours.series, ROWS);
    let success = |it: &Controller, second: usize| {
        let both = it.series.requests.iter().copied().zip(it.series.succeeded.iter().copied());
        success_percent(&both.skip(second).take(step).collect::<Vec<_>>())
    };
    let latency = |values: &[Option<f64>], second: usize| {
        values.iter().skip(second).take(step).copied().flatten().reduce(f64::max).map_or("–".to_owned(), millis)
    };
    let share = |value: Option<f64>| value.map_or("–".to_owned(), |value| percent(value / 100.0));
    html! {
        p.note { "In steps of " (seconds(step as f64)) "; a latency is the highest of its seconds, of Pointsman’s clients." }
        (table::scrolling("Success and latency over time", &html! {
            table.figures {
                caption { "Success by controller, and latency" }
                thead { tr {
                    th scope="col" { "From" }
                    @for (who, _) in all { th scope="col" { (who.name()) } }
                    th scope="col" { "p50" }
                    th scope="col" { "p95" }
                    th scope="col" { "p99" }
                } }
                tbody {
                    @for second in (0..ours.series.requests.len()).step_by(step) {
                        tr {
                            th scope="row" { (seconds(second as f64)) }
                            @for (_, it) in all { td { (share(success(it, second))) } }
                            td { (latency(&ours.series.p50_ms, second)) }
                            td { (latency(&ours.series.p95_ms, second)) }
                            td { (latency(&ours.series.p99_ms, second)) }
                        }
                    }
                }
            }
        }))
    }
}

pub(super) fn availability(report: &Report) -> Markup {
    let all = report.comparison.all();
    let time = timeline::time(report);
    let written: Vec<_> =
        all.iter().filter_map(|(who, it)| Some(format!("{} {}", who.name(), AVAILABILITY.written(it)?))).collect();
    let message = if written.is_empty() {
        "No second was measured.".to_owned()
    } else {
        format!("Seconds in which at least 99 % of requests succeeded: {}.", written.join(", "))
    };
    html! {
        figure.timeline {
            figcaption { span.muted { (message) } }
            ul.legend aria-hidden="true" {
                li { span.key.up {} "a good second" }
                li { span.key.down {} "less than 99 % succeeded" }
                li { span.key.fault {} "fault" }
            }
            div.lanes role="img" aria-label={ "Availability by the second. " (message) } {
                @for (who, it) in &all {
                    (time.lane(&html! {
                        (swatch(*who)) (who.name()) " "
                        strong { (AVAILABILITY.written(it).unwrap_or_else(|| "–".to_owned())) }
                    }, &seconds_of(&it.series)))
                }
                (time.axis())
            }
        }
        (table::scrolling("Availability of each controller", &html! {
            table.figures {
                caption { "Availability, and what was lost" }
                thead { tr {
                    th scope="col" { "Controller" }
                    th scope="col" { "Availability" }
                    th scope="col" { "Bad seconds" }
                    th scope="col" { "Failed requests" }
                } }
                tbody {
                    @for (who, it) in &all {
                        tr {
                            th scope="row" { (swatch(*who)) (who.name()) }
                            td { (AVAILABILITY.written(it).unwrap_or_else(|| "–".to_owned())) }
                            td { (bad_seconds(&it.series)) }
                            td { (FAILED.written(it).unwrap_or_else(|| "–".to_owned())) }
                        }
                    }
                }
            }
        }))
    }
}

/// Seconds in which nothing was sent say nothing.
fn seconds_of(series: &Series) -> Vec<Stretch> {
    let seconds = series.requests.iter().zip(&series.succeeded).enumerate();
    let sent = seconds.filter(|(_, (sent, _))| **sent > 0);
    joined(sent.map(|(second, (sent, succeeded))| Stretch {
        from: second as f64,
        to: (second + 1) as f64,
        fill: if is_good(*sent, *succeeded) { Fill::Good } else { Fill::Failing },
        text: String::new(),
        short: "",
    }))
}

fn bad_seconds(series: &Series) -> String {
    if !is_measured(series) {
        return "–".to_owned();
    }
    let seconds = series.requests.iter().zip(&series.succeeded);
    let bad = seconds.filter(|(sent, succeeded)| **sent > 0 && !is_good(**sent, **succeeded));
    format!("{} of {}", bad.count(), series.requests.len())
}

fn is_good(sent: u32, succeeded: u32) -> bool {
    f64::from(succeeded) >= GOOD * f64::from(sent)
}

fn is_measured(series: &Series) -> bool {
    series.requests.iter().any(|sent| *sent > 0)
}

/// Seconds that go together, so that there are no more than so many of them.
fn step(series: &Series, most: usize) -> usize {
    series.requests.len().div_ceil(most).max(1)
}

/// A value for each bin, in the middle of its time.
fn binned<T>(values: &[T], step: usize, of: impl Fn(&[T]) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
    values
        .chunks(step)
        .enumerate()
        .map(|(place, bin)| ((place * step) as f64 + bin.len() as f64 / 2.0, of(bin)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_drill_is_drawn_in_steps() {
        let series = Series { requests: vec![10; 1_000], ..Series::default() };
        let step = step(&series, POINTS);
        let points = binned(&series.requests, step, |bin| bin.iter().max().copied().map(f64::from));
        assert_eq!((step, points.len()), (3, 334));
        assert_eq!(points.last(), Some(&(999.5, Some(10.0))));
    }

    #[test]
    fn a_second_is_good_from_ninety_nine_of_a_hundred_on() {
        let series = Series { requests: vec![100, 100, 0], succeeded: vec![99, 98, 0], ..Series::default() };
        assert_eq!(bad_seconds(&series), "1 of 3");
        let fills: Vec<_> = seconds_of(&series).iter().map(|it| it.fill).collect();
        assert_eq!(fills, [Fill::Good, Fill::Failing]);
    }
}
