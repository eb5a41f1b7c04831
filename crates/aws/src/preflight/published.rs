//! The preflight that the failover function makes by itself, and what it publishes of it.

use jiff::Timestamp;
use monitoring::Batch;

use super::{FindingStatus, Findings, Place, TestMessage, checks};
use crate::{AwsError, Cloudwatch, Function};

/// Every check that needs nobody's own file, from where the function runs. How many of them fail is a metric
/// while any does.
pub async fn published_preflight(deployed: &Function) -> Result<Findings, AwsError> {
    let Function { session, names, deployment, .. } = deployed;
    let place = Place { session, names, config: &deployment.config, deployed };
    let findings = checks(place, TestMessage::NotSent).await;
    let failures = findings.iter().filter(|finding| finding.status == FindingStatus::Fail).count();
    let mut batch = Batch::default();
    monitoring::of_preflight(&mut batch, &deployment.config, failures, Timestamp::now());
    Cloudwatch::new(session, &deployment.config).send(&mut batch).await?;
    Ok(findings)
}
