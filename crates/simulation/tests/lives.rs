//! Whole lives: what is skipped changes nothing, scenarios end as their files say, and days of weather do no harm.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

use proptest::prelude::*;
use scenario::{Must, Scenario, catalog};
use simulation::{Controller, Options, SERVICE, Tally, World, day, run};

const WHOLE: Options = Options { skip: false, uncorroborated: true };
const SKIPPING: Options = Options { skip: true, uncorroborated: true };

fn weather(policy: &str) -> World {
    let source = SERVICE.replace("policy.failback = \"auto\"", &format!("policy.failback = \"auto\"\n{policy}"));
    World::of(&Scenario::parse("weather", &source).unwrap()).unwrap()
}

/// Everything but how many rounds were lived.
fn without_rounds(tally: Tally) -> Tally {
    Tally { rounds_run: tally.rounds_run + tally.rounds_skipped, rounds_skipped: 0, ..tally }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_stretch_that_is_skipped_changes_no_decision_and_no_figure(
        seed in any::<u64>(),
        policy in proptest::sample::select(vec!["", "policy.preset = \"brisk\"", "policy.interval = \"7s\""]),
    ) {
        let world = day(&weather(policy), seed);
        let (whole, skipping) = (run(&world, seed, WHOLE), run(&world, seed, SKIPPING));
        prop_assert_eq!((whole.rounds_skipped, whole.deeds), (0, skipping.deeds));
        prop_assert!(skipping.rounds_skipped * 5 > skipping.rounds_run, "{} skipped", skipping.rounds_skipped);
        prop_assert_eq!(without_rounds(whole), without_rounds(skipping));
    }
}

#[test]
fn the_same_seed_is_the_same_life_and_another_is_not() {
    let world = weather("");
    let life = |seed| run(&day(&world, seed), seed, SKIPPING);
    assert_eq!(life(1), life(1));
    assert_ne!(life(1), life(2));
}

/// A thousand hours: every outage is left in time, and nothing else is.
#[test]
fn a_thousand_hours_of_weather_mislead_nobody() {
    let world = weather("");
    let mut all = Tally::default();
    for seed in 0..42 {
        all.merge(&run(&day(&world, seed), seed, SKIPPING));
    }
    let ours = &all.records[&Controller::Pointsman];
    assert!(all.lasted >= 1_000 * 3_600_000, "{} ms", all.lasted);
    assert_eq!((ours.false_failovers, ours.missed), (0, 0), "{:#?}", all.summary("weather"));
    assert!(ours.duties > 100 && all.probes.1 * 1_000 > all.probes.0, "{:#?}", all.summary("weather"));
    // The weather is bad enough to mislead others.
    let others = |of| &all.records[&of];
    assert!(others(Controller::Threshold).missed > 0, "{:#?}", all.summary("weather"));
}

/// Scenarios and incidents: what a file says must be left is left in time, and what must stay stays.
#[test]
fn every_scenario_keeps_its_truth() {
    for scenario in catalog::all().unwrap().into_iter().chain(catalog::incidents().unwrap()) {
        let world = World::of(&scenario).unwrap();
        let mut all = Tally::default();
        (0..20).for_each(|seed| all.merge(&run(&world, seed, Options { skip: true, uncorroborated: false })));
        let ours = &all.records[&Controller::Pointsman];
        let told = format!("{}: {:#?}", scenario.name, all.summary(&scenario.name));
        assert_eq!((ours.false_failovers, ours.missed), (0, 0), "{told}");
        let must_leave = scenario.truth.iter().any(|truth| matches!(truth.must, Must::LeaveWithin(_)));
        assert_eq!(ours.duties > 0, must_leave, "{told}");
    }
}
