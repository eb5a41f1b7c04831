use domain::RoutingPolicy;

use super::*;

#[test]
fn weights_that_lead_to_one_region_are_adopted_with_it_first() {
    let service = service();
    for (weights, active) in [([100, 0], 0), ([0, 1], 1)] {
        let there = read([weighted("203.0.114.0", weights[0]), weighted("203.0.114.1", weights[1])]);
        let zoning = plan(&service, &there, None);
        assert_eq!(zoning.slots[0], own(&service.regions[active]), "nothing moves");
        let after = applied(&service, &there, &zoning);
        assert_eq!((answer(&there), answer(&after)), (format!("203.0.114.{active}"), format!("203.0.114.{active}")));
        assert!(!plan(&service, &after, None).is_needed());
    }
    let alone = read([weighted("203.0.114.1", 0)]);
    assert_eq!(plan(&service, &alone, None).slots[0], own(&service.regions[1]), "R8: the only one is answered");
    for weights in [[50, 50], [0, 0], [100, 1]] {
        let there = read([weighted("203.0.114.0", weights[0]), weighted("203.0.114.1", weights[1])]);
        let refusals = plan(&service, &there, None).refusals;
        assert_eq!(codes(&refusals), ["would_move_traffic"], "{weights:?}");
        assert!(refusals[0].text.contains("its weights share the traffic out"), "{refusals:?}");
    }
}

#[test]
fn of_three_regions_one_has_all_the_weight_to_be_adopted() {
    let service = service_of(3, "20s");
    let of = |weights: [u8; 3]| {
        read(weights.into_iter().enumerate().map(|(n, weight)| weighted(&format!("203.0.114.{n}"), weight)))
    };
    let order = plan(&service, &of([0, 1, 0]), None).slots;
    assert_eq!(order, [1, 0, 2].map(|region| own(&service.regions[region])), "nothing moves");
    for shared in [[0, 1, 1], [0, 0, 0], [50, 50, 50]] {
        assert_eq!(codes(&plan(&service, &of(shared), None).refusals), ["would_move_traffic"], "{shared:?}");
    }
}

#[test]
fn a_pair_becomes_weights_and_weights_a_pair_without_moving_anything() {
    let pairs = service();
    let weights = Service { routing: RoutingPolicy::Weighted, ..pairs.clone() };
    let made = read([]);
    let made = applied(&weights, &made, &plan(&weights, &made, None));
    let kept = made.zone.sets().filter(|set| matches!(set.routing, Routing::Weighted { .. })).count();
    assert_eq!((kept, answer(&made)), (4, "203.0.114.0".to_owned()), "A and AAAA of two regions");
    assert!(!plan(&weights, &made, None).is_needed());

    let (_, zone, state) = failed_over();
    let mut there = zone;
    for service in [&weights, &pairs] {
        let zoning = plan(service, &there, Some(&state));
        assert_eq!(zoning.slots, state.slots);
        there = applied(service, &there, &zoning);
        assert_eq!(answer(&there), "203.0.114.1", "it stays failed over");
        assert!(!plan(service, &there, Some(&state)).is_needed() && !plan(service, &there, None).is_needed());
    }
}

#[test]
fn weights_that_somebody_has_changed_are_drift() {
    let service = Service { routing: RoutingPolicy::Weighted, ..service() };
    let there = applied(&service, &read([]), &plan(&service, &read([]), None));
    let shared = there.zone.sets().cloned().map(|mut set| {
        if let Routing::Weighted { weight, .. } = &mut set.routing {
            *weight = 50;
        }
        set
    });
    let shared = read(shared.filter(|set| set.kind != RecordType::Ns && set.kind != RecordType::Soa));
    let mut state = ServiceState::new(&service);
    state.fence = plan(&service, &there, None).fence;
    let zoning = plan(&service, &shared, Some(&state));
    assert_eq!(steps(&zoning).iter().filter(|(_, step)| *step == Step::Change).count(), 2, "{zoning:#?}");
    assert!(!plan(&service, &applied(&service, &shared, &zoning), Some(&state)).is_needed());
    assert_eq!(
        codes(&plan(&service, &shared, None).refusals),
        ["would_move_traffic"],
        "whose it is only the state knows"
    );
}
