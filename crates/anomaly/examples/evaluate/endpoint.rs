//! The checker's baselines on endpoints of our own making: how soon they tell a latency that creeps up, and how often they tell
//! of nothing. No data was looked at for these.

use anomaly::AnomalyError;
use anyhow::Result;

use crate::watch::{NATURES, Nature, Watch};

const SEEDS: u64 = 60;
const ALARM_SEEDS: u64 = 4;
const OBSERVERS: [&str; 3] = ["us-west-2", "eu-central-1", "ap-southeast-2"];
const QUORUM: usize = 2;

/// What is asked, and of what.
#[derive(Debug, Clone, Copy)]
struct Setting {
    name: &'static str,
    interval_s: f64,
    learned: usize,
    false_alarms_per_day: f64,
    /// The first byte is so much later a second than the second before.
    creep_ms: f64,
    /// Where a limit would tell.
    limit_ms: f64,
}

const SETTINGS: [Setting; 3] = [
    // The scenario's: 1.5 s within two minutes, after 40 rounds.
    Setting {
        name: "slow-bleed: 1 s rounds, 47 learned, 300 a day",
        interval_s: 1.0,
        learned: 47,
        false_alarms_per_day: 300.0,
        creep_ms: 12.5,
        limit_ms: 300.0,
    },
    Setting {
        name: "10 s rounds, an hour learned, 0.1 a day",
        interval_s: 10.0,
        learned: 400,
        false_alarms_per_day: 0.1,
        creep_ms: 0.5,
        limit_ms: 300.0,
    },
    Setting {
        name: "1 s rounds, an hour learned, 0.1 a day",
        interval_s: 1.0,
        learned: 4_000,
        false_alarms_per_day: 0.1,
        creep_ms: 12.5,
        limit_ms: 300.0,
    },
];

/// Seconds from the creep's beginning to the first word of each observer, with the score and by the limit.
fn creep(setting: Setting, nature: Nature, seed: u64) -> Result<[Vec<f64>; 2], AnomalyError> {
    let most = (setting.limit_ms * 4.0 / setting.creep_ms / setting.interval_s).ceil();
    let mut times = [Vec::new(), Vec::new()];
    for observer in OBSERVERS {
        let Setting { interval_s, learned, false_alarms_per_day, .. } = setting;
        let learn_s = if learned < 100 { 40.0 } else { 3600.0 };
        let mut watch = Watch::new(nature, observer, seed, interval_s, learn_s, false_alarms_per_day);
        for _ in 0..learned {
            watch.round(setting.limit_ms)?;
        }
        let mut first = [None; 2];
        let mut round = 0.0;
        while round < most && first.iter().any(Option::is_none) {
            round += 1.0;
            let t = round * setting.interval_s;
            watch.endpoint.later_ms = t * setting.creep_ms;
            let (reading, slowest) = watch.round(setting.limit_ms)?;
            let unusual = reading.is_some_and(|reading| reading.unusual);
            for (first, told) in first.iter_mut().zip([unusual, slowest > setting.limit_ms]) {
                *first = first.or(told.then_some(t));
            }
        }
        for (times, first) in times.iter_mut().zip(first) {
            times.push(first.unwrap_or(f64::INFINITY));
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    Ok(times)
}

/// How soon a latency that creeps up is told, over many seeds.
pub(crate) fn bleed() -> Result<()> {
    for setting in SETTINGS {
        println!(
            "\n{}: {} ms more a second, {SEEDS} seeds; seconds to a quorum of {QUORUM}, with the score and by a limit of {} ms",
            setting.name, setting.creep_ms, setting.limit_ms
        );
        println!("{:16} {:>28} {:>28} {:>10}", "noise", "score p10 p50 p90 max", "limit p10 p50 p90 max", "sooner");
        for nature in NATURES.into_iter().take(3) {
            let seeds = if setting.learned > 1000 { SEEDS / 6 } else { SEEDS };
            let all = (0..seeds).map(|seed| creep(setting, nature, seed)).collect::<Result<Vec<_>, _>>()?;
            let pairs: Vec<_> = all.iter().map(|[with, without]| (with[QUORUM - 1], without[QUORUM - 1])).collect();
            let sooner = pairs.iter().filter(|(with, without)| with < without).count();
            let of = |mut times: Vec<f64>| {
                times.sort_by(f64::total_cmp);
                let at = |percent: usize| times[((times.len() - 1) * percent + 50) / 100];
                [10, 50, 90, 100].map(|percent| format!("{:>6.0}", at(percent))).concat()
            };
            let (with, without) = pairs.iter().copied().unzip();
            println!("{:16} {:>28} {:>28} {:>5} / {seeds}", nature.name, of(with), of(without), sooner);
        }
    }
    Ok(())
}

/// How often usual endpoints are told of: by day, since each alert of what passes by itself makes the next one rarer.
pub(crate) fn alarms() -> Result<()> {
    println!("\nalerts a day of usual endpoints against what was configured, mean of {ALARM_SEEDS} seeds");
    for (rate, interval_s, learn_s, days) in [
        (300.0, 1.0, 47.0, &[0.01][..]),
        (10.0, 10.0, 3_600.0, &[1.0, 1.0]),
        (0.1, 10.0, 3_600.0, &[1.0, 6.0, 7.0, 14.0]),
    ] {
        println!("\n{rate} a day, rounds of {interval_s} s, {learn_s} s learned; days: {days:?}");
        let mut means = vec![0.0; days.len()];
        for nature in NATURES {
            let mut alerts = vec![0.0; days.len()];
            for seed in 0..ALARM_SEEDS {
                let mut watch = Watch::new(nature, OBSERVERS[0], seed, interval_s, learn_s, rate);
                rounds(&mut watch, learn_s / interval_s)?;
                for (alerts, days) in alerts.iter_mut().zip(days) {
                    *alerts += rounds(&mut watch, days * 86_400.0 / interval_s)? / days / ALARM_SEEDS as f64;
                }
            }
            means.iter_mut().zip(&alerts).for_each(|(mean, alerts)| *mean += alerts / NATURES.len() as f64);
            line(nature.name, &alerts);
        }
        line("mean", &means);
    }
    Ok(())
}

/// The alerts of so many rounds, none of which is known to be an incident.
fn rounds(watch: &mut Watch, count: f64) -> Result<f64, AnomalyError> {
    let (mut round, mut alerts) = (0.0, 0.0);
    while round < count {
        round += 1.0;
        let (reading, _) = watch.round(f64::INFINITY)?;
        alerts += f64::from(u8::from(reading.is_some_and(|reading| reading.anomaly.is_alert())));
    }
    Ok(alerts)
}

fn line(name: &str, figures: &[f64]) {
    let figures: Vec<_> = figures.iter().map(|figure| format!("{figure:>10.2}")).collect();
    println!("{name:22}{}", figures.concat());
}
