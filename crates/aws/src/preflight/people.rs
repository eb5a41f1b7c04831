//! Whether anybody would be told.

use super::{Finding, Findings, Place};
use crate::{Alarms, Notifier, Standing, error::failed};

const CHECK: &str = "notifications";
const ALARMS: &str = "alarms";
/// What stands in place of an ARN until the invitation is accepted.
const PENDING: &str = "PendingConfirmation";

/// Whether a message is sent beside the look at who would get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestMessage {
    /// It is.
    Sent,
    /// It is not.
    NotSent,
}

/// Somebody is subscribed to each topic, the one that pages among them; each takes a test message, if there is to be one.
pub(super) async fn notifications(place: Place<'_>, test: TestMessage) -> Findings {
    let Some(topic) = &place.deployed.topic else {
        return vec![Finding::fail(CHECK, "there is no topic to tell people through", "pointsman deploy")];
    };
    let page = format!("{topic}-page");
    let (everything, pages) = tokio::join!(told(place, topic, test), told(place, &page, test));
    vec![everything, pages]
}

async fn told(place: Place<'_>, topic: &str, test: TestMessage) -> Finding {
    let control = &place.deployed.region;
    let sent = match test {
        TestMessage::NotSent => "",
        TestMessage::Sent => match Notifier::new(place.session, control, topic.to_owned()).test().await {
            Ok(()) => "; a test message was sent",
            Err(error) => return Finding::fail(CHECK, format!("{topic}: {error}"), error.hint()),
        },
    };
    let asked = place.session.sns(control).list_subscriptions_by_topic().topic_arn(topic).send().await;
    let found = match asked.map_err(failed("ListSubscriptionsByTopic")) {
        Ok(found) => found.subscriptions.unwrap_or_default(),
        Err(error) => return Finding::fail(CHECK, format!("{topic}: {error}"), error.hint()),
    };
    let told = found.iter().filter(|it| it.subscription_arn() != Some(PENDING)).count();
    match (told, found.len() - told) {
        (0, 0) => Finding::warn(
            CHECK,
            format!("nobody is subscribed to {topic}{sent}"),
            "`[notify]` of the configuration names who is told of everything, and who is paged",
        ),
        (0, pending) => Finding::warn(
            CHECK,
            format!("{pending} subscriptions to {topic} wait for their confirmation, and there is no other{sent}"),
            "accept the invitation that AWS has sent",
        ),
        (told, _) => Finding::pass(CHECK, format!("{told} subscriptions to {topic}{sent}")),
    }
}

/// The alarms are there, and may speak.
pub(super) async fn alarms(place: Place<'_>) -> Findings {
    let config = &place.deployed.deployment.config;
    let control = &config.control_region;
    let standing = match Alarms::new(place.session).standing(config).await {
        Ok(standing) => standing,
        Err(error) => return vec![Finding::fail(ALARMS, error.to_string(), error.hint())],
    };
    let wanted: Vec<_> = monitoring::alarms(config).iter().map(monitoring::Alarm::name).collect();
    let those = |is_so: fn(Option<&Standing>) -> bool| {
        wanted.iter().filter(|name| is_so(standing.get(*name))).map(String::as_str).collect::<Vec<_>>()
    };
    let missing = those(|found| found.is_none());
    let silenced = those(|found| found.is_some_and(|alarm| !alarm.speaks));
    vec![if !missing.is_empty() {
        Finding::fail(ALARMS, format!("there is no alarm {}", missing.join(", ")), "pointsman deploy")
    } else if !silenced.is_empty() {
        Finding::warn(
            ALARMS,
            format!("the actions of {} are off: nobody is told", silenced.join(", ")),
            format!("aws cloudwatch enable-alarm-actions --region {control} --alarm-names {}", silenced.join(" ")),
        )
    } else {
        Finding::pass(ALARMS, format!("{} alarms are there, and may speak", wanted.len()))
    }]
}
