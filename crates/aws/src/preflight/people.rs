//! Whether anybody would be told.

use super::{Finding, Findings, Place};
use crate::{Notifier, error::failed};

const CHECK: &str = "notifications";
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

/// Somebody is subscribed to the topic; a test message is taken, if there is to be one.
pub(super) async fn notifications(place: Place<'_>, test: TestMessage) -> Findings {
    let Some(topic) = &place.deployed.topic else {
        return vec![Finding::fail(CHECK, "there is no topic to tell people through", "pointsman deploy")];
    };
    let control = &place.deployed.region;
    let subscribe = format!("aws sns subscribe --region {control} --topic-arn {topic} --protocol email …");
    if test == TestMessage::Sent
        && let Err(error) = Notifier::new(place.session, control, topic.clone()).test().await
    {
        return vec![Finding::fail(CHECK, format!("{topic}: {error}"), error.hint())];
    }
    let asked = place.session.sns(control).list_subscriptions_by_topic().topic_arn(topic).send().await;
    let found = match asked.map_err(failed("ListSubscriptionsByTopic")) {
        Ok(found) => found.subscriptions.unwrap_or_default(),
        Err(error) => return vec![Finding::fail(CHECK, format!("{topic}: {error}"), error.hint())],
    };
    let told = found.iter().filter(|it| it.subscription_arn() != Some(PENDING)).count();
    let sent = if test == TestMessage::Sent { "; a test message was sent" } else { "" };
    vec![match (told, found.len() - told) {
        (0, 0) => Finding::warn(CHECK, format!("nobody is subscribed to {topic}{sent}"), subscribe),
        (0, pending) => Finding::warn(
            CHECK,
            format!("{pending} subscriptions to {topic} wait for their confirmation, and there is no other{sent}"),
            "accept the invitation that AWS has sent",
        ),
        (told, _) => Finding::pass(CHECK, format!("{told} subscriptions to {topic}{sent}")),
    }]
}
