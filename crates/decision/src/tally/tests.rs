use domain::{
    Fault,
    Verdict::{Degraded, Down, Unknown, Up},
};

use super::*;
use crate::fixture::{World, failed, ok};

fn phase(world: &World) -> RegionPhase {
    world.tally(0).phase()
}

#[test]
fn down_for_long_enough_by_quorum_and_corroborated_is_failed() {
    let mut world = World::new();
    assert_eq!(phase(&world), RegionPhase::Healthy);
    world.one("us-east-2", "us-east-1", Down, 3);
    assert_eq!(phase(&world), RegionPhase::Degraded);
    world.one("us-west-2", "us-east-1", Down, 2);
    assert_eq!(phase(&world), RegionPhase::Critical);
    assert_eq!((world.tally(0).rounds(VerdictAs::Down), world.tally(0).rounds_missing()), (2, Some(1)));
    world.one("us-west-2", "us-east-1", Down, 3);
    world.sighting("ca-central-1").age = Period::seconds(31);
    assert_eq!(phase(&world), RegionPhase::Failed);
    assert_eq!(world.tally(0).rounds_missing(), Some(0));
}

#[test]
fn while_another_observer_has_just_seen_otherwise_it_takes_twice_as_long() {
    let mut world = World::new();
    let after = |world: &mut World, rounds| {
        world.one("us-east-2", "us-east-1", Down, rounds);
        world.one("us-west-2", "us-east-1", Down, rounds);
        phase(world)
    };
    world.sighting("ca-central-1").age = Period::seconds(30);
    assert_eq!((after(&mut world, 5), after(&mut world, 6)), (RegionPhase::Critical, RegionPhase::Failed));
    // Route 53's check says what the third observer does not.
    world.native("us-east-1", NativeHealth::Unhealthy);
    assert_eq!((after(&mut world, 2), after(&mut world, 3)), (RegionPhase::Critical, RegionPhase::Failed));
    // One that can't tell is no dissent.
    world.native("us-east-1", NativeHealth::Unknown);
    world.one("ca-central-1", "us-east-1", Unknown, 1);
    assert_eq!((after(&mut world, 2), after(&mut world, 3)), (RegionPhase::Critical, RegionPhase::Failed));
}

/// So many rounds in a row of each probe, and in how many of them nothing came back.
fn counted(world: &mut World, rounds: u32, silent: u32) -> RegionPhase {
    world.all("us-east-1", Down, rounds);
    for observer in ["us-east-2", "us-west-2", "ca-central-1"] {
        let view = world.sighting(observer).observation.regions.values_mut().find(|it| it.verdict == Down).unwrap();
        for report in &view.probes {
            view.failing.insert(report.probe.clone(), rounds);
            view.silent.insert(report.probe.clone(), silent);
        }
    }
    phase(world)
}

#[test]
fn a_blip_and_lost_packets_do_not_add_up() {
    let mut world = World::new();
    assert_eq!(counted(&mut world, 3, 0), RegionPhase::Failed);
    assert_eq!(counted(&mut world, 4, 2), RegionPhase::Critical);
    assert_eq!(counted(&mut world, 5, 2), RegionPhase::Failed);
    assert_eq!(counted(&mut world, 3, 3), RegionPhase::Failed);
    assert_eq!(counted(&mut world, 3, 4), RegionPhase::Failed, "nonsense is no panic");
}

#[test]
fn probes_that_send_their_packets_once_need_more_silence() {
    let mut world = World::with("interval = \"1s\"\ntimeout = \"800ms\"\nanomaly = \"shorten\"");
    assert_eq!((counted(&mut world, 4, 4), counted(&mut world, 5, 5)), (RegionPhase::Critical, RegionPhase::Failed));
    assert_eq!(counted(&mut world, 3, 0), RegionPhase::Failed);
    // An anomaly shortens what was answered, not the silence.
    let anomalous = |world: &mut World| {
        for sighting in &mut world.evidence.sightings {
            sighting.observation.regions.values_mut().for_each(|view| view.anomalous = true);
        }
        phase(world)
    };
    counted(&mut world, 2, 0);
    assert_eq!(anomalous(&mut world), RegionPhase::Failed);
    counted(&mut world, 4, 4);
    assert_eq!(anomalous(&mut world), RegionPhase::Critical);
}

#[test]
fn too_few_that_know_is_unknown_and_degraded_by_quorum_is_degraded() {
    let mut world = World::new();
    world.all("us-east-1", Degraded, 5);
    assert_eq!((phase(&world), world.tally(0).is_up()), (RegionPhase::Degraded, true));
    world.one("us-east-2", "us-east-1", Unknown, 1);
    assert_eq!(phase(&world), RegionPhase::Degraded, "two know, and two must");
    world.one("us-west-2", "us-east-1", Unknown, 1);
    assert_eq!(phase(&world), RegionPhase::Unknown);
    world.all("us-east-1", Degraded, 5);
    world.config.services[0].policy.degraded_counts_as = VerdictAs::Down;
    assert_eq!((world.tally(0).is_down(), world.tally(0).is_up()), (true, false));
}

#[test]
fn up_for_long_enough_needs_a_quorum_of_long_streaks() {
    let mut world = World::new();
    world.all("us-east-1", Up, 19);
    world.one("us-east-2", "us-east-1", Up, 20);
    assert!(!world.tally(0).is_up_for_long());
    world.one("us-west-2", "us-east-1", Up, 20);
    assert!(world.tally(0).is_up_for_long());
}

#[test]
fn a_region_both_up_and_down_by_quorum_is_not_up() {
    let mut world = World::new();
    world.config.services[0].policy.quorum = 1;
    world.one("us-east-2", "us-east-1", Down, 1);
    assert_eq!((world.tally(0).is_down(), world.tally(0).is_up()), (true, false));
}

/// A region that one probe of two finds down, for every observer.
fn seen_by_one_probe(world: &mut World) {
    world.all("us-east-1", Down, 5);
    world.probes("us-east-1", &[failed("http", Fault::HttpStatus), ok("tcp")]);
}

#[test]
fn reports_are_told_by_their_probe_in_whatever_order_they_come() {
    let mut world = World::new();
    world.all("us-east-1", Down, 5);
    world.probes("us-east-1", &[ok("tcp"), failed("http", Fault::HttpStatus)]);
    let failing: Vec<_> = world.tally(0).failing_probes().into_iter().map(|probe| probe.as_str()).collect();
    assert_eq!(failing, ["http"]);
}

#[test]
fn either_route53_or_a_second_probe_must_agree() {
    let mut world = World::new();
    seen_by_one_probe(&mut world);
    world.native("us-east-1", NativeHealth::Healthy);
    assert_eq!(world.tally(0).signal(), None);
    assert_eq!((phase(&world), world.tally(0).rounds_missing()), (RegionPhase::Critical, None));
    world.native("us-east-1", NativeHealth::Unhealthy);
    assert_eq!(world.tally(0).signal(), Some(Signal::NativeCheck));
    world.native("us-east-1", NativeHealth::Healthy);
    world.probes("us-east-1", &[failed("http", Fault::HttpStatus), failed("tcp", Fault::ConnectTimeout)]);
    assert!(matches!(world.tally(0).signal(), Some(Signal::Probes(probes)) if probes.names().count() == 2));
}

#[test]
fn two_probes_must_each_fail_by_quorum_and_not_for_the_observers_own_fault() {
    let mut world = World::new();
    seen_by_one_probe(&mut world);
    world.probes_of("us-east-2", "us-east-1", &[ok("http"), failed("tcp", Fault::ConnectTimeout)]);
    assert_eq!(world.tally(0).signal(), None);
    world.probes("us-east-1", &[failed("http", Fault::HttpStatus), failed("tcp", Fault::Observer)]);
    assert_eq!(world.tally(0).signal(), None);
}

#[test]
fn no_signal_is_asked_for_when_the_policy_says_so() {
    let mut world = World::new();
    seen_by_one_probe(&mut world);
    world.config.services[0].policy.corroborate = false;
    assert_eq!(world.tally(0).signal(), Some(Signal::NotAsked));
}

#[test]
fn a_single_round_is_told_as_one() {
    let mut world = World::with("down_after = 1");
    world.all("us-east-1", Down, 1);
    world.probes("us-east-1", &[failed("http", Fault::HttpStatus), ok("tcp")]);
    assert!(world.says().contains(", for 1 round in a row, but no independent signal"), "{}", world.says());
}

#[test]
fn when_none_can_be_had_a_unanimous_quorum_for_twice_as_long_suffices() {
    let mut world = World::new();
    world.config.services[0].probes.truncate(1);
    world.all("us-east-1", Down, 2);
    assert!(world.says().contains("for 2 of 6 rounds in a row"), "{}", world.says());
    world.all("us-east-1", Down, 6);
    world.one("us-east-2", "us-east-1", Down, 5);
    assert_eq!((phase(&world), world.tally(0).rounds_missing()), (RegionPhase::Critical, Some(1)));
    world.one("us-east-2", "us-east-1", Down, 6);
    assert_eq!(world.tally(0).signal(), Some(Signal::Unanimity));
    assert_eq!(phase(&world), RegionPhase::Failed);
    world.one("us-east-2", "us-east-1", Unknown, 1);
    assert_eq!(phase(&world), RegionPhase::Failed);
    world.one("us-east-2", "us-east-1", Up, 1);
    assert_eq!((phase(&world), world.tally(0).rounds_missing()), (RegionPhase::Critical, None));
    world.all("us-east-1", Down, 6);
    world.native("us-east-1", NativeHealth::Healthy);
    assert_eq!(phase(&world), RegionPhase::Critical);
}
