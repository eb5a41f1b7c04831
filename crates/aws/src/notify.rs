//! Tells people, through SNS.

use domain::{AuditEntry, AuditKind, DnsName, RegionName};

use crate::{
    Session,
    error::{AwsError, failed},
};

/// A topic that people subscribe to.
#[derive(Debug, Clone)]
pub struct Notifier {
    sns: aws_sdk_sns::Client,
    topic: String,
}

impl Notifier {
    /// A notifier over a topic's ARN. Makes no call.
    #[must_use]
    pub fn new(session: &Session, control: &RegionName, topic: String) -> Self {
        Self { sns: session.sns(control), topic }
    }

    /// Sends what people should know of; holding is not news.
    pub async fn tell(&self, entry: &AuditEntry) -> Result<(), AwsError> {
        match message(entry) {
            Some((subject, text)) => self.publish(&subject, text).await,
            None => Ok(()),
        }
    }

    /// Says that the state can't be read or written, so that nothing may be changed and nothing can be written down.
    pub async fn cry(&self, service: &DnsName, why: &AwsError) -> Result<(), AwsError> {
        let text = format!(
            "cannot flip: the first fence is a write to the state bucket, and that fails ({why}); Route 53's own checks \
             remain and may move the traffic\n\nNothing is changed until the state can be read and written again."
        );
        self.publish(&format!("ALARM {service}: the state bucket refuses"), text).await
    }

    /// Sends a message that says no more than that it arrives.
    pub async fn test(&self) -> Result<(), AwsError> {
        let text =
            "Somebody asked with `pointsman preflight --notify` whether messages arrive here. Nothing has happened.";
        self.publish("Pointsman: a test message", text.to_owned()).await
    }

    async fn publish(&self, subject: &str, text: String) -> Result<(), AwsError> {
        self.sns
            .publish()
            .topic_arn(&self.topic)
            .subject(subject.chars().take(100).collect::<String>())
            .message(text)
            .send()
            .await
            .map_err(failed("Publish"))?;
        Ok(())
    }
}

fn message(entry: &AuditEntry) -> Option<(String, String)> {
    let service = &entry.service;
    let (subject, body) = match &entry.kind {
        AuditKind::Taken { plan } => (
            format!("{service}: {} from {} to {}", plan.kind, plan.from, plan.to),
            format!("plan {} of epoch {}, by {}\n\n{}", plan.id, plan.epoch, plan.by, plan.because.join("\n")),
        ),
        AuditKind::Recommended { plan } => (
            format!("{service}: a {} to {} is recommended", plan.kind, plan.to),
            format!("{}\n\npointsman approve {}", plan.because.join("\n"), plan.epoch),
        ),
        AuditKind::Verified { plan } => (
            format!("{service}: plan {plan} is verified"),
            "every name server answers with the plan's target".to_owned(),
        ),
        AuditKind::NotVerified { plan, seen } => (
            format!("ALARM {service}: plan {plan} is not verified"),
            format!("seen instead: {seen}\n\nThere will be no second automatic failover until a person has looked."),
        ),
        AuditKind::Blocked { plan, reason } => (
            format!("ALARM {service}: plan {plan} waits for Route 53"),
            format!("{}\n\nIt is tried again at every look until it expires; then a new plan is made.", reason.text),
        ),
        AuditKind::Abandoned { plan, why } => (format!("{service}: plan {plan} was abandoned"), why.clone()),
        AuditKind::Paused { by, reason } => (format!("{service}: paused by {by}"), reason.clone()),
        AuditKind::Resumed { by } => (format!("{service}: resumed by {by}"), "decisions go on".to_owned()),
        AuditKind::Acknowledged { by } => {
            (format!("{service}: acknowledged by {by}"), "automatic failovers may follow again".to_owned())
        }
        AuditKind::Applied { .. } | AuditKind::Held { .. } => return None,
    };
    Some((subject, format!("{body}\n\nat {}", entry.at)))
}
