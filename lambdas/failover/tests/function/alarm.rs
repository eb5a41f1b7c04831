//! An alarm that lives elsewhere is the independent signal that a quorum needs, read where it lives.

use std::time::{Duration, Instant};

use domain::{AuditEntry, AuditKind, HoldCode, Verdict};

use crate::{
    process::Function,
    python_is_there,
    scene::Scene,
    world::{Besides, World},
};

const ELSEWHERE: &str = "us-west-2";
const ALARM: &str = "first-errors";
const PATIENCE: Duration = Duration::from_secs(30);

async fn is_now(world: &World, state: &str) {
    let query =
        format!("Action=SetAlarmState&Version=2010-08-01&AlarmName={ALARM}&StateValue={state}&StateReason=test");
    world.cloudwatch(ELSEWHERE, &query).await;
}

#[tokio::test]
async fn a_region_is_left_once_its_alarm_agrees_with_the_quorum() {
    if !python_is_there() {
        return;
    }
    let world = World::up(3).await;
    let make = "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=first-errors&MetricName=errors&Namespace=first&Statistic=Sum\
                &Period=60&EvaluationPeriods=1&Threshold=1&ComparisonOperator=GreaterThanThreshold";
    world.cloudwatch(ELSEWHERE, make).await;
    is_now(&world, "OK").await;
    let alarm = format!("alarm = {{ region = \"{ELSEWHERE}\", name = \"{ALARM}\" }}");
    let besides = Besides { first: &alarm, probes: "", ..Besides::default() };
    let config = world.config_with("alarm", &besides).await;
    let service = &config.services[0];
    world.deploy(&config, "alarm").await;
    let mut scene = Scene::new(&world, &config, service);
    // Too few for what all who know need without a signal.
    scene.streak = service.policy.down_after;
    let mut function = Function::start(&world.environment("alarm", "alarm")).await;

    scene.observe(Verdict::Down).await;
    function.invoke().await.unwrap().unwrap();
    let (state, _) = world.store.state(&service.name).await.unwrap().unwrap();
    assert_eq!((state.epoch.0, state.hold_reasons[0].code), (0, HoldCode::NotCorroborated), "{state:#?}");
    let asked = world.proxy.aws_calls().into_iter().filter(|call| call.operation == "DescribeAlarms");
    let asked: Vec<_> = asked.map(|call| call.region).collect();
    assert_eq!(asked, [ELSEWHERE], "asked once, where it lives");

    is_now(&world, "ALARM").await;
    let began = Instant::now();
    let state = loop {
        scene.observe(Verdict::Down).await;
        function.invoke().await.unwrap().unwrap();
        let (state, _) = world.store.state(&service.name).await.unwrap().unwrap();
        if state.epoch.0 == 1 {
            break state;
        }
        assert!(began.elapsed() < PATIENCE, "{state:#?}");
    };
    let kept = world.kept.lock().unwrap();
    let entries = kept.objects.iter().filter(|(key, _)| key.starts_with("audit/api.alarm.test/"));
    let taken = entries.filter_map(|(_, body)| match serde_json::from_slice::<AuditEntry>(body).unwrap().kind {
        AuditKind::Taken { plan } => Some(plan.because),
        _ => None,
    });
    let because: Vec<_> = taken.flatten().collect();
    assert!(because.contains(&format!("alarm {ALARM} in {ELSEWHERE} is in ALARM")), "{because:?}: {state:#?}");
}
