//! An observer that sees every region down is not heard, however it says so.

use domain::{Verdict, VerdictAs};
use proptest::{collection::vec, prelude::*};

use crate::{
    Silence,
    fixture::{OBSERVERS, World, region},
    properties::{REGIONS, a_world},
};

/// The same world where degraded counts as down, and these of the views that say down say degraded.
fn degraded(world: &World, which: &[bool]) -> World {
    let mut world = world.clone();
    world.config.services[0].policy.degraded_counts_as = VerdictAs::Down;
    let views = world.evidence.sightings.iter_mut().flat_map(|it| it.observation.regions.values_mut());
    for (view, degraded) in views.zip(which.iter().cycle()) {
        if *degraded && view.verdict == Verdict::Down {
            view.verdict = Verdict::Degraded;
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_counts_as_down_silences_as_down_does(world in a_world(), which in vec(any::<bool>(), 1..20)) {
        let down = degraded(&world, &[false]);
        let mixed = degraded(&world, &which);
        let (as_down, as_mixed) = (down.evidence.hear(down.service(), down.now), mixed.evidence.hear(mixed.service(), mixed.now));
        prop_assert_eq!(&as_down.silent, &as_mixed.silent);
        let counts = |verdict| matches!(verdict, Verdict::Down | Verdict::Degraded);
        for heard in as_mixed.knowing {
            let verdicts = REGIONS.iter().map(|name| heard.observation.regions[&region(name)].verdict);
            prop_assert!(verdicts.filter(|verdict| counts(*verdict)).count() < REGIONS.len());
        }
    }

    #[test]
    fn one_that_sees_all_down_or_degraded_is_unknown(which in vec(any::<bool>(), REGIONS.len())) {
        let mut world = World::of("degraded_counts_as = \"down\"", &REGIONS);
        for (name, degraded) in REGIONS.iter().zip(&which) {
            world.one(OBSERVERS[0], name, if *degraded { Verdict::Degraded } else { Verdict::Down }, 9);
        }
        let observer = OBSERVERS[0].parse().unwrap();
        let hearing = world.evidence.hear(world.service(), world.now);
        prop_assert_eq!(hearing.silent, vec![(&observer, Silence::AllDown)]);
    }
}
