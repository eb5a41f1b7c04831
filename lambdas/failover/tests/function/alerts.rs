//! Invocations of one observer that overlap see the same episode begin, and one of them alerts. It is here for this file's S3.

use domain::{Anomaly, Answering, Episode, OBSERVATION_FORMAT, Observation, Round, Verdict};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::{
    python_is_there,
    scene::view,
    world::{FIRST, OBSERVERS, World},
};

const INVOCATIONS: i64 = 12;

/// What an invocation would write that sees an episode begin.
fn alerting(config: &domain::Config, invocation: i64, at: Timestamp) -> Observation {
    let episode = Some(Episode { since: at, until: at + SignedDuration::from_secs(300) });
    let mut view = view(Verdict::Up, 1);
    view.anomalous = true;
    view.anomaly = Some(Anomaly::Scored { score: 0.9, alert: true, episode, reasons: Vec::new() });
    Observation {
        format: OBSERVATION_FORMAT,
        service: config.services[0].name.clone(),
        observer: OBSERVERS[0].parse().unwrap(),
        config: config.hash(),
        invocation: invocation.to_string(),
        round: Round(100),
        at,
        regions: [(FIRST.parse().unwrap(), view)].into(),
        answering: Answering::Unknown,
    }
}

#[tokio::test]
async fn of_invocations_that_overlap_one_alerts() {
    if !python_is_there() {
        return;
    }
    let world = World::up(4).await;
    let config = world.config("alerts", &["one"]).await;
    let began = Timestamp::from_second(1_800_000_000).unwrap();
    for (episode, before) in [(0, "nothing"), (1, "another episode")] {
        let began = began + SignedDuration::from_hours(episode);
        let written = join_all((0..INVOCATIONS).map(|invocation| {
            let (world, config) = (&world, &config);
            async move {
                let mut observation = alerting(config, invocation, began + SignedDuration::from_millis(invocation));
                world.store.observe(&mut observation).await.unwrap();
                observation
            }
        }));
        let written = written.await;
        let alerts = written.iter().filter(|observation| decision::alerts(observation)).count();
        assert_eq!(alerts, 1, "of {INVOCATIONS}, after {before}");
    }
}
