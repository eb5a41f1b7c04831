//! Where a service stands, in sentences for an engineer half awake: what is seen and by whom, what follows, and what
//! would happen next.

use std::collections::BTreeMap;

use domain::{Anomaly, ObserverName, Period, ProbeStatus, Service, ServiceState, VerdictAs};
use jiff::Timestamp;

use crate::{
    decide::{Outcome, decided},
    evidence::{Evidence, NativeHealth},
    observe::is_own,
    reason::{self, list},
    scene::Scene,
    tally::Tally,
};

/// The same look as [`decide`](crate::decide)'s, told: a sentence each region and each observer that is not counted, the decision
/// with its reasons, and what a failure of the active region would lead to.
#[must_use]
pub fn explain(service: &Service, state: &ServiceState, evidence: &Evidence, now: Timestamp) -> Vec<String> {
    let scene = Scene::new(service, state, evidence, now);
    let mut lines: Vec<_> = scene.tallies.iter().map(|tally| seen(&scene, tally)).collect();
    lines.extend(scene.tallies.iter().filter_map(unusual));
    lines.extend(scene.hearing.silent.iter().map(|(observer, why)| format!("{observer} is not counted: it {why}")));
    match decided(&scene).outcome {
        Outcome::Plan(plan) => {
            let because = plan.because.join("; ");
            lines.push(format!("the next tick takes a {} from {} to {}: {because}", plan.kind, plan.from, plan.to));
        }
        Outcome::Hold(reasons) => {
            // What the regions' own sentences say already is not said twice.
            let told = |text: &String| lines.iter().any(|line| line.starts_with(text.as_str()));
            let reasons: Vec<_> = reasons.into_iter().map(|reason| reason.text).filter(|text| !told(text)).collect();
            lines.extend(reasons);
            lines.extend(outlook(&scene));
        }
    }
    lines
}

/// A region as everyone together sees it.
fn seen(scene: &Scene<'_>, tally: &Tally<'_>) -> String {
    let what = if tally.saying(VerdictAs::Down).next().is_some() { VerdictAs::Down } else { VerdictAs::Up };
    let mut text = if tally.rounds(what) > 0 { reason::seen_long(tally, what) } else { reason::seen(tally, what) };
    let failures = failures(tally);
    if !failures.is_empty() {
        text.push_str(": ");
        text.push_str(&failures.join("; "));
    }
    let native = Some(tally.native).filter(|native| *native != NativeHealth::Unknown);
    let native = native.map(|native| format!("Route 53's own check is {native}"));
    let alarm = tally.alarm.map(|(alarm, says)| format!("alarm {alarm} is {says}"));
    [Some(text), native, alarm, behind(scene, tally)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// How far the data of a region are behind, where something measures it.
fn behind(scene: &Scene<'_>, tally: &Tally<'_>) -> Option<String> {
    let measured = !scene.service.regions[tally.rank].replication_lag.is_empty();
    measured.then(|| match scene.evidence.lag.get(tally.region) {
        Some(lag) => format!("its data are {lag} behind"),
        None => "how far its data are behind is unknown".to_owned(),
    })
}

/// What the anomaly scores say of a region, where that is more than that all is as usual.
fn unusual(tally: &Tally<'_>) -> Option<String> {
    let region = tally.region;
    if let Some(unusual) = tally.unusual() {
        return Some(format!("{region} is unusual: {unusual}"));
    }
    let learning = tally.votes.iter().filter_map(|vote| match vote.view.anomaly {
        Some(Anomaly::Learning { rounds, needed }) => Some(format!("{} {rounds} of {needed} rounds", vote.observer)),
        Some(Anomaly::Scored { .. }) | None => None,
    });
    let learning: Vec<_> = learning.collect();
    (!learning.is_empty()).then(|| format!("what is usual of {region} is still being learned: {}", learning.join(", ")))
}

/// `health http_timeout and tcp connect_timeout for a and b`, once for all observers that see the same.
fn failures(tally: &Tally<'_>) -> Vec<String> {
    let mut who = BTreeMap::<Vec<String>, Vec<&ObserverName>>::new();
    for vote in &tally.votes {
        let failed = vote.view.probes.iter().filter(|report| report.status == ProbeStatus::Failed && !is_own(report));
        let what = failed.map(|report| match report.fault {
            Some(fault) => format!("{} {fault}", report.probe),
            None => format!("{} failed", report.probe),
        });
        let what: Vec<_> = what.collect();
        if !what.is_empty() {
            who.entry(what).or_default().push(vote.observer);
        }
    }
    who.into_iter().map(|(what, who)| format!("{} for {}", list(what), list(who))).collect()
}

/// What a failure of the active region would lead to; nothing where a reason to hold says it.
fn outlook(scene: &Scene<'_>) -> Option<String> {
    let active = scene.active()?;
    if let Some(at) = scene.earliest_failover() {
        let wait = Period(at.duration_since(scene.now).unsigned_abs());
        return Some(format!("a failover could happen at {} at the earliest, in {wait}", reason::clock(at)));
    }
    if active.is_down() || scene.state.paused.is_some() || scene.state.in_flight.is_some() {
        return None;
    }
    let policy = &scene.service.policy;
    let Some(refuge) = scene.refuge(active) else {
        let others = scene.tallies.iter().filter(|tally| tally.rank != active.rank);
        let why = list(others.flat_map(|tally| scene.against(tally)).map(|reason| reason.text));
        return Some(format!("should {} fail, there is nowhere to move to: {why}", active.region));
    };
    let mut text = format!(
        "should {} fail, traffic moves to {} once {} observers have seen it for {} rounds ({})",
        active.region,
        refuge.region,
        policy.quorum,
        policy.down_after,
        reason::rounds(policy, policy.down_after)
    );
    if let Some(until) = scene.cooldown_until().max(scene.budget_until()) {
        text.push_str(", and not before ");
        text.push_str(&reason::clock(until));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use domain::{
        Fault, Mode, Reason, Sign,
        Verdict::{Down, Unknown, Up},
    };

    use super::*;
    use crate::AlarmState;
    use crate::fixture::{World, failed, ok};

    fn told(world: &World) -> Vec<String> {
        explain(world.service(), &world.state, &world.evidence, world.now)
    }

    #[test]
    fn when_all_is_well_it_says_what_a_failure_would_lead_to() {
        let all = "is up for 3 of 3 observers (ca-central-1, us-east-2 and us-west-2), for 100 rounds in a row";
        let next = "traffic moves to eu-west-1 once 2 observers have seen it for 3 rounds (30s)";
        let expected =
            [format!("us-east-1 {all}"), format!("eu-west-1 {all}"), format!("should us-east-1 fail, {next}")];
        assert_eq!(told(&World::new()), expected);
    }

    #[test]
    fn while_it_counts_it_says_who_sees_what_and_when_a_failover_could_happen() {
        let mut world = World::new();
        world.one("us-east-2", "us-east-1", Down, 2);
        world.one("us-west-2", "us-east-1", Down, 2);
        world.native("us-east-1", NativeHealth::Healthy);
        world.alarm("us-east-1", AlarmState::Ok);
        world.probes_of("us-west-2", "us-east-1", &[failed("http", Fault::HttpStatus), ok("tcp")]);
        let told = told(&world);
        assert_eq!(
            told[0],
            "us-east-1 is down for 2 of 3 observers (us-east-2 and us-west-2), for 2 rounds in a row: \
             http connect_timeout and tcp connect_timeout for us-east-2; http http_status for us-west-2; \
             Route 53's own check is healthy; alarm us-east-1-errors in eu-central-1 is OK"
        );
        assert_eq!(told.last().unwrap(), "a failover could happen at 10:15:10 UTC at the earliest, in 10s");
    }

    #[test]
    fn a_standby_that_could_not_be_moved_to_is_told_before_it_is_needed() {
        let mut world = World::new();
        world.all("eu-west-1", Down, 9);
        let told = told(&world);
        assert_eq!(
            told.last().unwrap(),
            "should us-east-1 fail, there is nowhere to move to: eu-west-1 is up for 0 of 3 observers, \
             which is not enough to move traffic there"
        );
    }

    #[test]
    fn what_is_about_to_be_done_and_what_waits_for_a_person_is_told() {
        let mut world = World::new();
        world.all("us-east-1", Down, 3);
        let plan = told(&world).pop().unwrap();
        assert!(plan.starts_with("the next tick takes a failover from us-east-1 to eu-west-1: "), "{plan}");
        world.config.services[0].policy.mode = Mode::Recommend;
        let told = told(&world);
        assert!(told.iter().any(|line| line.contains("`pointsman approve 1`")), "{told:#?}");
    }

    #[test]
    fn no_round_is_told_of_a_streak_that_has_none() {
        let mut world = World::new();
        world.all("eu-west-1", Down, 0);
        assert_eq!(told(&world)[1].matches("round").count(), 0, "{}", told(&world)[1]);
    }

    #[test]
    fn while_paused_or_carrying_a_plan_out_nothing_is_said_of_a_next_failure() {
        let should = |world: &World| told(world).iter().any(|line| line.starts_with("should "));
        let mut paused = World::new();
        paused.pause();
        assert!(!should(&paused));
        let mut busy = World::new();
        busy.all("us-east-1", Down, 3);
        let plan = busy.plan();
        busy.all("us-east-1", Up, 9);
        busy.state = crate::take(&busy.state, &busy.service().policy.clone(), plan, busy.now);
        assert!(!should(&busy), "{:#?}", told(&busy));
        let mut down = World::with("mode = \"observe\"");
        down.all("us-east-1", Down, 9);
        assert!(!should(&down), "{:#?}", told(&down));
    }

    #[test]
    fn how_far_data_are_behind_is_told_where_something_measures_it() {
        let mut world = World::new();
        world.measured("eu-west-1");
        assert!(!told(&world)[0].contains("data"));
        assert!(told(&world)[1].ends_with("; how far its data are behind is unknown"));
        world.evidence.lag.insert("eu-west-1".parse().unwrap(), Period::millis(250));
        assert!(told(&world)[1].ends_with("; its data are 250ms behind"));
    }

    #[test]
    fn what_is_unusual_or_still_being_learned_is_told() {
        let mut world = World::new();
        let view = |world: &mut World, observer: &str, anomaly: Anomaly| {
            let view = world.sighting(observer).observation.regions.get_mut("eu-west-1").unwrap();
            view.anomalous = matches!(anomaly, Anomaly::Scored { .. });
            view.anomaly = Some(anomaly);
        };
        view(&mut world, "us-west-2", Anomaly::Learning { rounds: 12, needed: 360 });
        let learning = "what is usual of eu-west-1 is still being learned: us-west-2 12 of 360 rounds";
        assert_eq!(told(&world)[2], learning);
        let reasons = vec![Reason { sign: Sign::FirstByteTime, times: Some(4.1), share: 0.8 }];
        view(&mut world, "us-east-2", Anomaly::Scored { score: 0.8, alert: true, episode: None, reasons });
        assert_eq!(told(&world)[2], "eu-west-1 is unusual: time to first byte 4.1 × usual: seen by 1 of 3");
    }

    #[test]
    fn who_is_not_counted_is_told_with_the_reason() {
        let mut world = World::new();
        world.sighting("us-east-2").age = Period::seconds(60);
        for name in ["us-east-1", "eu-west-1"] {
            world.one("us-west-2", name, Unknown, 4);
        }
        let told = told(&world);
        let silent: Vec<_> = told.iter().filter(|line| line.contains("not counted")).collect();
        assert_eq!(
            silent,
            [
                "us-east-2 is not counted: it wrote last 1m ago",
                "us-west-2 is not counted: it can't tell how any region is"
            ]
        );
    }
}
