//! How far a standby's data are behind, read where they lie: too far, and only a person moves traffic there.

use domain::{HoldCode, Period, ServiceState, Verdict};

use crate::{
    process::Function,
    python_is_there,
    scene::Scene,
    world::{Besides, OTHER, World, Written},
};

async fn is_behind(world: &World, milliseconds: u32, ago: Period) {
    let dimension = ("Store", "orders");
    let written =
        Written { namespace: "Orders", name: "Behind", dimension, number: milliseconds, unit: "Milliseconds" };
    world.put_metric(OTHER, &written, ago).await;
}

#[tokio::test]
async fn traffic_moves_by_itself_once_the_data_are_within_the_rpo() {
    if !python_is_there() {
        return;
    }
    let world = World::up(4).await;
    let lag = "[[service.region.replication_lag]]\nnamespace = \"Orders\"\nmetric = \"Behind\"\nunit = \"ms\"\n\
               dimensions = { Store = \"orders\" }";
    let besides = Besides { policy: "rpo = \"10s\"", other: lag, ..Besides::default() };
    let config = world.config_with("lag", &besides).await;
    let service = &config.services[0];
    world.deploy(&config, "lag").await;
    let mut scene = Scene::new(&world, &config, service);
    let mut function = Function::start(&world.environment("lag", "lag")).await;

    // All is well: how far the standby is behind changes nothing, and nobody asks.
    scene.observe(Verdict::Up).await;
    function.invoke().await.unwrap().unwrap();
    assert_eq!(calls(&world), [""; 0]);

    is_behind(&world, 0, Period::seconds(600)).await;
    let unknown = "nobody knows how far the data of us-east-1 are behind, and the RPO is 500ms";
    let held = scene.until(&mut function, Verdict::Down, |state| says(state, unknown)).await;
    assert_eq!((held.epoch.0, held.hold_reasons[0].code), (0, HoldCode::DataLoss), "an old value tells nothing");
    let asked = calls(&world);
    assert!(!asked.is_empty() && asked.iter().all(|region| region == OTHER), "it is read where it lives: {asked:?}");

    is_behind(&world, 20_000, Period::seconds(120)).await;
    // The state says why it holds when that is news; that the same reason has other figures is none.
    let before = asked.len();
    let held = scene.until(&mut function, Verdict::Down, |_| calls(&world).len() > before + 1).await;
    assert_eq!((held.epoch.0, held.hold_reasons[0].code), (0, HoldCode::DataLoss), "20 s are too much");

    is_behind(&world, 250, Period::default()).await;
    let moved =
        scene.until(&mut function, Verdict::Down, |state| state.epoch.0 == 1 && state.in_flight.is_none()).await;
    assert_eq!(moved.active.as_str(), OTHER);
}

/// Where the metric was asked for.
fn calls(world: &World) -> Vec<String> {
    let asked = world.proxy.aws_calls().into_iter().filter(|call| call.operation == "GetMetricStatistics");
    asked.map(|call| call.region).collect()
}

fn says(state: &ServiceState, text: &str) -> bool {
    state.hold_reasons.iter().any(|reason| reason.text.starts_with(text))
}
