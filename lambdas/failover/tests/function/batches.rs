//! Services of one zone that leave a region in the same look share a change batch.

use domain::{Phase, Service, Verdict};
use route53::{Action, Change};

use crate::{
    process::Function,
    python_is_there,
    scene::Scene,
    world::{OTHER, World},
};

const CALLER: &str = "batches";

/// One look of the function while the first region of every service of this zone is down; each status that Route 53 gave
/// to a change of records.
async fn look(world: &World, zone: &str, spoil: Option<usize>) -> (Vec<u16>, Vec<Service>) {
    let config = world.config(zone, &["one", "other"]).await;
    world.deploy(&config, zone).await;
    if let Some(spoilt) = spoil {
        let service = &config.services[spoilt];
        let fence = decision::fence_set(service, &domain::ServiceState::first_fence());
        let without_fence = [Change { action: Action::Delete, set: fence }];
        world.switch.change(&service.hosted_zone, &without_fence, "spoilt on purpose").await.unwrap();
    }
    for service in &config.services {
        Scene::new(world, &config, service).observe(Verdict::Down).await;
    }
    let mut function = Function::start(&world.environment(CALLER, zone)).await;
    let before = world.proxy.aws_calls().len();
    function.invoke().await.unwrap().unwrap();
    let calls = world.proxy.aws_calls().split_off(before);
    let changes = calls.iter().filter(|call| call.operation == "ChangeResourceRecordSets");
    (changes.map(|call| call.status.unwrap()).collect(), config.services)
}

/// The region whose records a service's zone holds first, and where the service stands.
async fn stands(world: &World, service: &Service) -> (Option<String>, Phase) {
    let (state, _) = world.store.state(&service.name).await.unwrap().unwrap();
    let sets: Vec<_> = world.switch.read_zone(&service.hosted_zone).await.unwrap().zone.sets().cloned().collect();
    let slots = decision::slots_in(service, &sets, &world.checks);
    (slots.map(|slots| slots[0].region.to_string()), state.phase)
}

#[tokio::test]
async fn services_of_one_zone_share_a_batch_and_a_bad_record_keeps_nobody_else() {
    if !python_is_there() {
        return;
    }
    let world = World::up(2).await;
    let (changes, services) = look(&world, "together", None).await;
    assert_eq!(changes, [200], "one batch for both");
    for service in &services {
        assert_eq!(stands(&world, service).await, (Some(OTHER.to_owned()), Phase::FailingOver), "{}", service.name);
    }

    let (changes, services) = look(&world, "apart", Some(0)).await;
    assert_eq!(changes.iter().filter(|status| **status == 200).count(), 1, "{changes:?}");
    assert_eq!(changes.len(), 3, "both in one, then each by itself: {changes:?}");
    assert_eq!(stands(&world, &services[1]).await, (Some(OTHER.to_owned()), Phase::FailingOver));
    let (region, phase) = stands(&world, &services[0]).await;
    assert_ne!((region.as_deref(), phase), (Some(OTHER), Phase::FailingOver), "its fence is not there");
}
