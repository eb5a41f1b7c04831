//! An observer's pure part: reports → verdict, rounds in a row, when to send an event, when to write.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Anomaly, Answering, ConfigHash, DnsName, Fault, OBSERVATION_FORMAT, Observation, ObserverName, Period, Policy,
    ProbeReport, ProbeStatus, RegionName, RegionView, Round, Verdict,
};
use jiff::Timestamp;

/// Rounds that may be missing (a late start, a handover between invocations) without ending a streak.
const GAP: u64 = 3;

/// Events for a region that goes on being up.
const RETURN_EVENTS: u32 = 3;

/// The word on a region that its probes amount to.
#[must_use]
pub fn verdict(reports: &[ProbeReport]) -> Verdict {
    let failed = || reports.iter().filter(|report| report.status == ProbeStatus::Failed);
    if failed().any(|report| !is_own(report)) {
        Verdict::Down
    } else if reports.is_empty() || failed().any(is_own) {
        Verdict::Unknown
    } else if reports.iter().any(|report| report.status == ProbeStatus::Degraded) {
        Verdict::Degraded
    } else {
        Verdict::Up
    }
}

/// Whether a probe says something about the observer, not about the region.
pub(crate) fn is_own(report: &ProbeReport) -> bool {
    report.fault.is_some_and(Fault::is_own)
}

/// What one observer measured in one round, not yet compared with the round before.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The service.
    pub service: DnsName,
    /// Who measured.
    pub observer: ObserverName,
    /// Under which configuration.
    pub config: ConfigHash,
    /// In which invocation.
    pub invocation: String,
    /// floor(time / interval).
    pub round: Round,
    /// When the round ended, by the observer's clock.
    pub at: Timestamp,
    /// The probes of each region.
    pub regions: BTreeMap<RegionName, Vec<ProbeReport>>,
    /// The regions that are unusual.
    pub anomalous: BTreeSet<RegionName>,
    /// What the observer's forest says of each region.
    pub anomalies: BTreeMap<RegionName, Anomaly>,
    /// Where the authoritative servers point.
    pub answering: Answering,
}

/// The observation of a round, with the streaks that it continues.
///
/// A round done twice counts once; another configuration, or a gap of more than three rounds, begins anew.
/// `quiet` is how many rounds may pass unwritten while a region is up: a predecessor's silence of that length means
/// that it was up in each of them, since a change would have been written.
///
/// A round in which every region is down tells of the observer's own network: it ends no streak and adds to none, so
/// that nobody who comes back from being cut off has seen a region down for long.
#[must_use]
pub fn follow(previous: Option<&Observation>, mut measured: Measured, quiet: u64) -> Observation {
    let previous = previous.filter(|previous| {
        previous.format == OBSERVATION_FORMAT
            && previous.service == measured.service
            && previous.observer == measured.observer
            && previous.config == measured.config
            && previous.round <= measured.round
    });
    let cut_off = measured.regions.len() > 1 && measured.regions.values().all(|it| verdict(it) == Verdict::Down);
    let more = u32::from(!cut_off);
    let regions = measured.regions.into_iter().map(|(region, probes)| {
        let verdict = verdict(&probes);
        let mut failed_before = None;
        let before = previous.and_then(|previous| {
            let view = previous.regions.get(&region)?;
            let gap = measured.round.0 - previous.round.0;
            let silent = previous.invocation != measured.invocation && verdict == Verdict::Up;
            let counted = match gap {
                _ if silent && gap <= quiet.saturating_add(GAP) => gap,
                0 => 0,
                1..=GAP => u64::from(more),
                _ => return None,
            };
            let counted = u32::try_from(counted).unwrap_or(u32::MAX);
            failed_before = Some((view, if gap > 0 { more } else { 0 }));
            (view.verdict == verdict).then(|| (view.streak.saturating_add(counted), view.since))
        });
        let (streak, since) = before.unwrap_or((more, measured.at));
        let anomalous = measured.anomalous.contains(&region);
        let anomaly = measured.anomalies.remove(&region);
        let (mut failing, mut silent) = (BTreeMap::new(), BTreeMap::new());
        for report in probes.iter().filter(|report| report.status != ProbeStatus::Ok && !is_own(report)) {
            let is_silent = u32::from(report.fault.is_some_and(Fault::is_silence));
            let before = failed_before.and_then(|(view, more)| {
                let in_silence = view.silent.get(&report.probe).copied().unwrap_or(0);
                Some((
                    view.failing.get(&report.probe)?.saturating_add(more),
                    in_silence.saturating_add(is_silent * more),
                ))
            });
            let (rounds, in_silence) = before.unwrap_or((more, is_silent * more));
            failing.insert(report.probe.clone(), rounds);
            if in_silence > 0 {
                silent.insert(report.probe.clone(), in_silence);
            }
        }
        (region, RegionView { verdict, streak, since, anomalous, anomaly, failing, silent, probes })
    });
    Observation {
        format: OBSERVATION_FORMAT,
        regions: regions.collect(),
        service: measured.service,
        observer: measured.observer,
        config: measured.config,
        invocation: measured.invocation,
        round: measured.round,
        at: measured.at,
        answering: measured.answering,
    }
}

/// Whether the failover Lambda must look at once, rather than when the minute comes: some region is not up, the answer
/// has moved, or a region has been up for once, twice or three times `up_after` rounds (a return that Route 53's slower
/// check held up the first time need not wait for the minute either).
#[must_use]
pub fn needs_event(previous: Option<&Observation>, current: &Observation, policy: &Policy) -> bool {
    let returning = |view: &RegionView| {
        view.streak.is_multiple_of(policy.up_after) && (1..=RETURN_EVENTS).contains(&(view.streak / policy.up_after))
    };
    current.regions.values().any(|view| view.verdict != Verdict::Up || returning(view))
        || previous.is_some_and(|previous| previous.answering != current.answering)
}

/// Whether nothing is the matter: every region is up, and the zone's servers agree on one of them.
#[must_use]
pub fn is_quiet(observation: &Observation) -> bool {
    observation.answering.region().is_some() && observation.regions.values().all(|view| view.verdict == Verdict::Up)
}

/// Whether the observation must be written, even where no event is due: a change, something unusual, or `keep_alive` since
/// the last.
#[must_use]
pub fn needs_write(
    last_written: Option<&Observation>,
    current: &Observation,
    keep_alive: Period,
    now: Timestamp,
) -> bool {
    let Some(last) = last_written else { return true };
    let verdicts = |of: &Observation| {
        let words = of.regions.iter().map(|(region, view)| (region.clone(), view.verdict, view.anomalous));
        words.collect::<Vec<_>>()
    };
    last.config != current.config
        || last.answering != current.answering
        || verdicts(last) != verdicts(current)
        || current.regions.values().any(|view| view.anomalous)
        // A clock that went back tells nothing about the last write.
        || now < last.at
        || now.duration_since(last.at) >= keep_alive.signed()
}

/// Whether it begins an episode of any region.
#[must_use]
pub fn alerts(observation: &Observation) -> bool {
    observation.regions.values().filter_map(|view| view.anomaly.as_ref()).any(Anomaly::is_alert)
}

/// Takes an observation's alerts back where the observer's latest one, of an invocation beside it, has told of the episode.
pub fn leave_alerts_to(latest: &Observation, observation: &mut Observation) {
    for (region, view) in &mut observation.regions {
        let told = latest.regions.get(region).and_then(|view| view.anomaly.as_ref()?.episode());
        let told = told.filter(|told| observation.at <= told.until);
        if let (Some(Anomaly::Scored { alert, episode: Some(own), .. }), Some(told)) = (&mut view.anomaly, told) {
            *alert = false;
            own.since = told.since;
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Episode;

    use super::*;
    use crate::fixture::{World, failed, ok, report};

    fn measured(round: u64, reports: &[ProbeReport]) -> Measured {
        let world = World::new();
        Measured {
            service: world.service().name.clone(),
            observer: "us-east-2".parse().unwrap(),
            config: world.config.hash(),
            invocation: "one".to_owned(),
            round: Round(round),
            at: Timestamp::from_second(i64::try_from(round).unwrap() * 10).unwrap(),
            regions: BTreeMap::from([("us-east-1".parse().unwrap(), reports.to_vec())]),
            anomalous: BTreeSet::new(),
            anomalies: BTreeMap::new(),
            answering: Answering::Unknown,
        }
    }

    fn view(observation: &Observation) -> (Verdict, u32, i64) {
        let view = &observation.regions["us-east-1"];
        (view.verdict, view.streak, view.since.as_second())
    }

    #[test]
    fn a_verdict_is_the_worst_that_is_not_the_observers_own() {
        let degraded = report("http", ProbeStatus::Degraded, None);
        let own = failed("http", Fault::Observer);
        let foreign = failed("tcp", Fault::ConnectRefused);
        assert_eq!(verdict(&[]), Verdict::Unknown);
        assert_eq!(verdict(&[ok("http"), ok("tcp")]), Verdict::Up);
        assert_eq!(verdict(&[ok("tcp"), degraded.clone()]), Verdict::Degraded);
        assert_eq!(verdict(&[degraded.clone(), own.clone()]), Verdict::Unknown);
        assert_eq!(verdict(&[failed("http", Fault::Blocked)]), Verdict::Unknown);
        assert_eq!(verdict(&[own, degraded, foreign]), Verdict::Down);
        assert_eq!(verdict(&[report("http", ProbeStatus::Failed, None)]), Verdict::Down);
    }

    #[test]
    fn a_streak_grows_with_each_round_and_across_invocations() {
        let down = [failed("http", Fault::HttpTimeout)];
        let first = follow(None, measured(100, &down), 0);
        assert_eq!(view(&first), (Verdict::Down, 1, 1000));
        let second = follow(Some(&first), measured(101, &down), 0);
        assert_eq!(view(&second), (Verdict::Down, 2, 1000));
        let turned = follow(Some(&second), measured(102, &[ok("http")]), 0);
        assert_eq!(view(&turned), (Verdict::Up, 1, 1020));
    }

    #[test]
    fn a_round_done_twice_counts_once() {
        let first = follow(None, measured(100, &[ok("http")]), 0);
        let again = follow(Some(&first), measured(100, &[ok("http")]), 0);
        assert_eq!(view(&again), (Verdict::Up, 1, 1000));
    }

    #[test]
    fn each_probes_own_failures_are_counted_through_whatever_the_verdict_is() {
        let (http, tcp) = (failed("http", Fault::HttpStatus), failed("tcp", Fault::ConnectTimeout));
        let failing = |observation: &Observation| observation.regions["us-east-1"].failing.clone();
        let counts = |counts: &[(&str, u32)]| counts.iter().map(|(name, n)| (name.parse().unwrap(), *n)).collect();
        let first = follow(None, measured(100, &[http.clone(), ok("tcp")]), 0);
        assert_eq!(failing(&first), counts(&[("http", 1)]));
        let second = follow(Some(&first), measured(101, &[http.clone(), tcp.clone()]), 0);
        assert_eq!(failing(&second), counts(&[("http", 2), ("tcp", 1)]));
        assert_eq!(failing(&follow(Some(&second), measured(101, &[http.clone(), tcp]), 0)), failing(&second));
        let own = follow(Some(&second), measured(102, &[http.clone(), failed("tcp", Fault::Observer)]), 0);
        assert_eq!((view(&own).0, failing(&own)), (Verdict::Down, counts(&[("http", 3)])));
        let slow = report("http", ProbeStatus::Degraded, None);
        assert_eq!(failing(&follow(Some(&own), measured(103, &[slow, ok("tcp")]), 0)), counts(&[("http", 4)]));
        assert_eq!(failing(&follow(Some(&own), measured(103, &[ok("http"), ok("tcp")]), 0)), counts(&[]));
        assert_eq!(failing(&follow(Some(&own), measured(106, &[http]), 0)), counts(&[("http", 1)]), "a gap");
    }

    #[test]
    fn rounds_in_which_nothing_came_back_are_counted_within_each_probes_failures() {
        let (refused, silent) = (failed("http", Fault::ConnectRefused), failed("http", Fault::ConnectTimeout));
        let counts = |observation: &Observation| {
            let view = &observation.regions["us-east-1"];
            (view.failing.get("http").copied(), view.silent.get("http").copied())
        };
        let first = follow(None, measured(100, std::slice::from_ref(&silent)), 0);
        assert_eq!(counts(&first), (Some(1), Some(1)));
        let second = follow(Some(&first), measured(101, std::slice::from_ref(&refused)), 0);
        assert_eq!(counts(&second), (Some(2), Some(1)));
        let third = follow(Some(&second), measured(102, std::slice::from_ref(&silent)), 0);
        assert_eq!(counts(&third), (Some(3), Some(2)));
        assert_eq!(counts(&follow(Some(&third), measured(102, &[silent]), 0)), (Some(3), Some(2)), "the same round");
        let well = follow(Some(&third), measured(103, &[ok("http")]), 0);
        assert_eq!(counts(&well), (None, None));
        assert_eq!(counts(&follow(Some(&well), measured(104, &[refused]), 0)), (Some(1), None));
    }

    #[test]
    fn rounds_in_which_every_region_is_down_end_no_streak_and_add_to_none() {
        let (refused, well) = (failed("http", Fault::ConnectRefused), ok("http"));
        let round = |previous: Option<&Observation>, round, there: &ProbeReport, elsewhere: &ProbeReport| {
            let mut measured = measured(round, std::slice::from_ref(there));
            measured.regions.insert("eu-west-1".parse().unwrap(), vec![elsewhere.clone()]);
            follow(previous, measured, 0)
        };
        let counts = |observation: &Observation| {
            let view = &observation.regions["us-east-1"];
            (view.streak, view.failing.get("http").copied())
        };
        let up = round(None, 100, &well, &well);
        let cut_off = (101..=140).fold(up, |previous, at| round(Some(&previous), at, &refused, &refused));
        assert_eq!(counts(&cut_off), (0, Some(0)));
        let back = round(Some(&cut_off), 141, &refused, &well);
        assert_eq!(counts(&back), (1, Some(1)));
        let again = round(Some(&back), 142, &refused, &refused);
        assert_eq!(counts(&again), (1, Some(1)));
        assert_eq!(counts(&round(Some(&again), 143, &refused, &well)), (2, Some(2)));
    }

    #[test]
    fn a_streak_survives_three_rounds_and_no_more() {
        let first = follow(None, measured(100, &[ok("http")]), 0);
        assert_eq!(view(&follow(Some(&first), measured(103, &[ok("http")]), 0)).1, 2);
        assert_eq!(view(&follow(Some(&first), measured(104, &[ok("http")]), 0)).1, 1);
        assert_eq!(view(&follow(Some(&first), measured(99, &[ok("http")]), 0)).1, 1);
    }

    #[test]
    fn a_streak_belongs_to_one_configuration_service_and_observer() {
        let first = follow(None, measured(100, &[ok("http")]), 0);
        let config = World::with("up_after = 30").config.hash();
        let other = Measured { config, ..measured(101, &[ok("http")]) };
        assert_eq!(view(&follow(Some(&first), other, 0)).1, 1);
        let other = Measured { observer: "us-west-2".parse().unwrap(), ..measured(101, &[ok("http")]) };
        assert_eq!(view(&follow(Some(&first), other, 0)).1, 1);
        let other = Measured { service: "other.example.com".parse().unwrap(), ..measured(101, &[ok("http")]) };
        assert_eq!(view(&follow(Some(&first), other, 0)).1, 1);
    }

    #[test]
    fn a_successor_counts_the_rounds_that_its_predecessor_was_silent_about() {
        let successor = |round, report| Measured { invocation: "two".to_owned(), ..measured(round, &[report]) };
        let up = follow(None, measured(100, &[ok("http")]), 30);
        assert_eq!(view(&follow(Some(&up), successor(130, ok("http")), 30)).1, 31);
        assert_eq!(view(&follow(Some(&up), successor(134, ok("http")), 30)).1, 1, "longer than it may be silent");
        // Whatever is not up is written in every round: silence says nothing then.
        let down = follow(None, measured(100, &[failed("http", Fault::Tls)]), 30);
        assert_eq!(view(&follow(Some(&down), successor(103, failed("http", Fault::Tls)), 30)).1, 2);
        assert_eq!(view(&follow(Some(&down), successor(104, failed("http", Fault::Tls)), 30)).1, 1);
    }

    #[test]
    fn an_event_is_due_while_not_up_and_when_up_for_long_enough() {
        let policy = &World::new().service().policy.clone();
        let mut observation = follow(None, measured(100, &[ok("http")]), 0);
        let mut with = |verdict, streak| {
            for view in observation.regions.values_mut() {
                (view.verdict, view.streak) = (verdict, streak);
            }
            needs_event(None, &observation, policy)
        };
        assert!(!with(Verdict::Up, 1));
        assert!(!with(Verdict::Up, 19));
        assert!(with(Verdict::Up, 20));
        assert!(!with(Verdict::Up, 21));
        assert!(with(Verdict::Up, 40));
        assert!(with(Verdict::Up, 60));
        assert!(!with(Verdict::Up, 80));
        assert!(with(Verdict::Degraded, 7));
        assert!(with(Verdict::Unknown, 7));
        assert!(with(Verdict::Down, 7));
    }

    #[test]
    fn an_event_is_due_when_the_answer_has_moved() {
        let policy = &World::new().service().policy.clone();
        let before = follow(None, measured(100, &[ok("http")]), 0);
        let moved = Observation { answering: Answering::Mixed, ..before.clone() };
        assert!(!needs_event(Some(&before), &before, policy));
        assert!(needs_event(Some(&before), &moved, policy));
    }

    #[test]
    fn it_is_quiet_while_every_region_is_up_and_one_is_answered() {
        let answered = Answering::Region("us-east-1".parse().unwrap());
        let up = follow(None, measured(100, &[ok("http")]), 0);
        assert!(!is_quiet(&up), "nobody knows what is answered");
        assert!(is_quiet(&Observation { answering: answered.clone(), ..up }));
        let down = follow(None, measured(100, &[failed("http", Fault::Tls)]), 0);
        assert!(!is_quiet(&Observation { answering: answered, ..down }));
    }

    #[test]
    fn a_write_is_due_on_change_and_every_half_minute() {
        let keep_alive = Period::seconds(30);
        let last = follow(None, measured(100, &[ok("http")]), 0);
        let due = |last: Option<&Observation>, current: &Observation, after: i64| {
            let now = Timestamp::from_second(1000 + after).unwrap();
            needs_write(last, current, keep_alive, now)
        };
        assert!(due(None, &last, 0));
        let same = follow(Some(&last), measured(101, &[ok("http")]), 0);
        assert!(!due(Some(&last), &same, 0));
        assert!(!due(Some(&last), &same, 29));
        assert!(due(Some(&last), &same, 30));
        assert!(due(Some(&last), &same, -1));
        let moved = Observation { answering: Answering::Mixed, ..same.clone() };
        assert!(due(Some(&last), &moved, 10));
        let other = Observation { config: World::with("up_after = 30").config.hash(), ..same.clone() };
        assert!(due(Some(&last), &other, 10));
        let mut unusual = same.clone();
        unusual.regions.values_mut().for_each(|view| view.anomalous = true);
        assert!(due(Some(&last), &unusual, 10) && due(Some(&unusual), &unusual, 10) && due(Some(&unusual), &same, 10));
        let down = follow(Some(&last), measured(101, &[failed("http", Fault::Tls)]), 0);
        assert!(due(Some(&last), &down, 10));
        assert!(due(Some(&down), &same, 10));
    }

    #[test]
    fn of_two_invocations_that_see_an_episode_begin_one_alerts() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let alerting = |round: u64, until: i64| {
            let mut measured = measured(round, &[ok("http")]);
            let episode = Some(Episode { since: measured.at, until: second(until) });
            let anomaly = Anomaly::Scored { score: 0.9, alert: true, episode, reasons: Vec::new() };
            measured.anomalies.insert("us-east-1".parse().unwrap(), anomaly);
            follow(None, measured, 0)
        };
        let first = alerting(100, 1_300);
        let mut beside = alerting(101, 1_310);
        leave_alerts_to(&follow(None, measured(100, &[ok("http")]), 0), &mut beside);
        assert!(alerts(&first) && alerts(&beside));
        leave_alerts_to(&first, &mut beside);
        assert!(!alerts(&beside));
        let episode = beside.regions["us-east-1"].anomaly.as_ref().unwrap().episode();
        assert_eq!(episode, Some(Episode { since: second(1_000), until: second(1_310) }));
        let mut later = alerting(131, 1_610);
        leave_alerts_to(&first, &mut later);
        assert!(alerts(&later), "the episode was over");
    }
}
