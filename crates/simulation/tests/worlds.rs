//! Hours in which one thing after another goes wrong in a way that a scenario's file can't say.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

use scenario::{Scenario, catalog};
use simulation::{Conditions, Controller, Course, Duty, Options, Record, Turn, World, run};

const MINUTE: u64 = 60_000;
const OPTIONS: Options = Options { skip: true, uncorroborated: true };

fn scenario(name: &str) -> Scenario {
    catalog::find(name).unwrap()
}

/// Turns of so many milliseconds each, and what is wrong in each; the last lasts until the end.
fn course(turns: &[(u64, Conditions)], duties: Vec<Duty>, ends: u64) -> Course {
    let mut at = 0;
    let turn = |(lasts, conditions): &(u64, Conditions)| {
        let turn = Turn { at, conditions: conditions.clone() };
        at += lasts;
        turn
    };
    Course { turns: turns.iter().map(turn).collect(), duties, ends }
}

fn wrong(befall: impl FnOnce(&mut Conditions)) -> Conditions {
    let mut conditions = Conditions { clear: false, ..Conditions::clear() };
    befall(&mut conditions);
    conditions
}

fn lived(world: &World, course: Course, lives: u64, controller: Controller) -> Record {
    let world = World { course, orders: Vec::new(), ..world.clone() };
    let mut all = Record::default();
    (0..lives).for_each(|seed| all.merge(&run(&world, seed, OPTIONS).records[&controller]));
    all
}

/// Rounds of 1 s, three of them, time-outs of 800 ms: the most impatient of all policies.
#[test]
fn lost_packets_blips_and_one_observer_that_lies_together_mislead_nobody() {
    let world = World::of(&scenario("region-outage")).unwrap();
    let turns = |lies: u8| -> Vec<_> {
        let weather = |refuses| {
            wrong(|it| {
                it.places[0].loss = 0.2;
                it.places[0].refuses = refuses;
                it.watchers[0].lies = lies;
            })
        };
        (0..200).flat_map(|_| [(1_900, weather(true)), (7_100, weather(false))]).collect()
    };
    for lies in [0, 1] {
        let hour = || course(&turns(lies), Vec::new(), 30 * MINUTE);
        assert_eq!(lived(&world, hour(), 8, Controller::Pointsman).false_failovers, 0, "{lies}");
        assert!(lived(&world, hour(), 8, Controller::PointsmanUncorroborated).false_failovers > 0, "bad enough");
    }
}

/// Two of three see every region down for ten minutes, and are back in the second of a blip.
#[test]
fn observers_that_come_back_from_being_cut_off_have_seen_nothing_for_long() {
    let world = World::of(&scenario("region-outage")).unwrap();
    let cut_off = wrong(|it| it.watchers[..2].iter_mut().for_each(|watcher| watcher.cut_off = u8::MAX));
    let blip = wrong(|it| it.places[0].refuses = true);
    let turns = [(MINUTE, Conditions::clear()), (10 * MINUTE, cut_off), (1_900, blip), (0, Conditions::clear())];
    let record = lived(&world, course(&turns, Vec::new(), 15 * MINUTE), 20, Controller::Pointsman);
    assert_eq!(record.false_failovers, 0);
}

/// A region that drops every packet is left, if later than one that refuses.
#[test]
fn a_region_that_does_not_answer_at_all_is_left_in_time() {
    let world = World::of(&scenario("region-outage")).unwrap();
    let turns = [(MINUTE, Conditions::clear()), (5 * MINUTE, wrong(|it| it.places[0].loss = 1.0))];
    let duty = Duty { region: 0, from: MINUTE, until: 6 * MINUTE, deadline: MINUTE + 30_000 };
    let record = lived(&world, course(&turns, vec![duty], 6 * MINUTE), 20, Controller::Pointsman);
    assert_eq!((record.duties, record.missed, record.false_failovers), (20, 0, 0));
    assert!(record.accepted.percentiles().p95.unwrap() <= 8.0, "{:?}", record.accepted.percentiles());
}

/// An observer whose clock is ten minutes ahead, or an hour behind, moves nothing and keeps nobody from moving.
#[test]
fn a_wrong_clock_moves_nothing_and_holds_nothing_up() {
    let world = World::of(&scenario("region-outage")).unwrap();
    for ahead in [600_000, -3_600_000, 20_000, 1_500] {
        let skewed = |refuses| {
            wrong(|it| {
                it.watchers[1].ahead = ahead;
                it.places[0].refuses = refuses;
            })
        };
        let stays = course(&[(MINUTE, Conditions::clear()), (0, skewed(false))], Vec::new(), 10 * MINUTE);
        assert_eq!(lived(&world, stays, 10, Controller::Pointsman).false_failovers, 0, "{ahead}");
        let turns = [(MINUTE, Conditions::clear()), (3 * MINUTE, skewed(false)), (5 * MINUTE, skewed(true))];
        let duty = Duty { region: 0, from: 4 * MINUTE, until: 9 * MINUTE, deadline: 4 * MINUTE + 30_000 };
        let record = lived(&world, course(&turns, vec![duty], 9 * MINUTE), 10, Controller::Pointsman);
        assert_eq!((record.duties, record.missed, record.false_failovers), (10, 0, 0), "{ahead}");
    }
}

/// Without Route 53's control plane nothing can be flipped: its own checks move the traffic, no sooner.
#[test]
fn while_the_control_plane_is_away_route_53s_own_checks_move_the_traffic() {
    let (away, there) = (scenario("control-plane-down"), scenario("region-down"));
    let answers = |scenario: &Scenario| {
        let world = World::of(scenario).unwrap();
        let course = world.course.clone();
        let [ours, native] =
            [Controller::Pointsman, Controller::NativeFast].map(|it| lived(&world, course.clone(), 20, it));
        assert_eq!((ours.missed, ours.false_failovers, ours.duties), (0, 0, 20), "{}", scenario.name);
        [ours, native].map(|record| record.answer.percentiles().p50.unwrap())
    };
    let [ours, native] = answers(&away);
    assert!((ours - native).abs() < 0.5, "{ours} {native}");
    let [ours, native] = answers(&there);
    assert!(ours + 10.0 < native, "{ours} {native}");
}

/// A change that arrives two minutes late, after the region was left and returned to, is refused by Route 53 itself.
#[test]
fn a_writer_that_is_late_changes_nothing() {
    let world = World::of(&scenario("delayed-writer")).unwrap();
    let record = lived(&world, world.course.clone(), 40, Controller::Pointsman);
    assert_eq!((record.duties, record.missed, record.false_failovers), (40, 0, 0));
    // Its first change was late: the second executor's was accepted.
    let accepted = record.accepted.percentiles();
    assert!(record.accepted.count() == 40 && accepted.p50.unwrap() > 10.0, "{accepted:?}");
}
