//! S3 is away, and a person moves the traffic all the same; once it is back, the function finds that order in the zone.

use std::{collections::BTreeMap, time::Instant};

use aws::{Controller, Function as Deployed, OrderError};
use decision::Order;
use domain::{Actor, HoldCode, ServiceState, Verdict};
use lab::health::Pace;
use scenario::aws::{AwsFault, AwsService, Calls, Effect};

use crate::{
    process::Function,
    python_is_there,
    scene::{PATIENCE, Scene},
    world::{FIRST, OTHER, SPEED, World},
};

fn s3(world: &World, is_away: bool) {
    let fault = AwsFault {
        calls: Calls { service: Some(AwsService::S3), ..Calls::default() },
        resource: None,
        probability: serde_json::from_str("1.0").unwrap(),
        effect: Effect::Error { status: 503, code: "ServiceUnavailable".to_owned() },
    };
    let faults: BTreeMap<_, _> = is_away.then_some((0, fault)).into_iter().collect();
    world.proxy.fail(&faults, Pace { speed: f64::from(SPEED), seed: 1 });
}

fn order(to: &str, forced: &[HoldCode]) -> Order {
    let by = Actor::Human { name: "ada".to_owned(), reason: "S3 is away".to_owned() };
    Order { to: to.parse().unwrap(), by, forced: forced.iter().copied().collect() }
}

#[tokio::test]
async fn what_a_person_orders_while_s3_is_away_is_fenced_and_not_undone_once_it_is_back() {
    if !python_is_there() {
        return;
    }
    let world = World::up(7).await;
    let config = world.config("every", &["api"]).await;
    let service = &config.services[0];
    world.deploy(&config, "hand").await;

    s3(&world, true);
    let deployed = Deployed::by_zone(&world.session, &world.names, &config).await.unwrap();
    let controller = Controller::new(&deployed).unwrap();
    let Err(OrderError::Tick(error)) = controller.plan(service, &order(OTHER, &[])).await else { panic!("S3 answers") };
    assert!(error.is_without_state(), "{error}");
    let Err(OrderError::Refused(reasons)) = controller.carry_out_by_zone(service, &order(OTHER, &[])).await else {
        panic!("nobody sees the target")
    };
    let unseen = [HoldCode::QuorumLost, HoldCode::NoTarget];
    assert_eq!(reasons.iter().map(|it| it.code).collect::<Vec<_>>(), unseen);

    let mut plans = Vec::new();
    for to in [OTHER, FIRST, OTHER] {
        let plan = controller.carry_out_by_zone(service, &order(to, &unseen)).await.unwrap();
        let began = Instant::now();
        while controller.answering(service).await.region() != Some(&plan.to) {
            assert!(began.elapsed() < PATIENCE, "{plan:#?}");
        }
        plans.push(plan);
    }
    let [there, back, again] = &plans[..] else { panic!("three were carried out") };
    let epochs = [there, back, again].map(|plan| plan.epoch.0);
    assert_eq!((epochs, &again.expects.fence), ([1, 2, 3], &back.fence()), "each finds the last one in the zone");
    assert!(controller.tell_by_zone(again).await.is_err(), "there is nowhere to write it");

    s3(&world, false);
    controller.tell_by_zone(again).await.unwrap();
    let audited =
        |kind: &str| world.kept.lock().unwrap().objects.keys().any(|key| key.ends_with(&format!("-3-{kind}.json")));
    let mut scene = Scene::new(&world, &config, service);
    let mut function = Function::start(&world.environment("hand", "hand")).await;
    let latched = |state: &ServiceState| state.slots[0].region == again.to && state.in_flight.is_none();
    let state = scene.until(&mut function, Verdict::Up, latched).await;
    let by_hand = state.by_hand.as_ref().unwrap();
    assert_eq!((by_hand.by.as_str(), &by_hand.to), ("ada", &again.to));
    assert!(audited("taken") && audited("applied"), "{:?}", world.kept.lock().unwrap().objects.keys());

    // The policy would return by itself: both regions have been up for long, and the hold-down is over.
    let state = scene
        .until(&mut function, Verdict::Up, |state| {
            assert_eq!(state.active, again.to);
            state.hold_reasons.iter().any(|reason| reason.code == HoldCode::ByHand)
        })
        .await;
    assert_eq!(state.slots[0].region, again.to);
}
