//! The preflight that the failover function makes by itself, and what it publishes of it.

use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};

use super::{FindingStatus, Findings, Place, TestMessage, checks};
use crate::{
    Function,
    error::{AwsError, failed},
};

/// Every check that needs nobody's own file, from where the function runs. How many of them fail is a metric,
/// `PreflightFailures`, of the stack.
pub async fn published_preflight(deployed: &Function) -> Result<Findings, AwsError> {
    let Function { session, names, deployment, .. } = deployed;
    let place = Place { session, names, config: &deployment.config, deployed };
    let findings = checks(place, TestMessage::NotSent).await;
    let failures = findings.iter().filter(|finding| finding.status == FindingStatus::Fail).count();
    let datum = MetricDatum::builder()
        .metric_name("PreflightFailures")
        .unit(StandardUnit::Count)
        .dimensions(Dimension::builder().name("Stack").value(names.bus()).build())
        .value(u32::try_from(failures).map_or(f64::INFINITY, f64::from))
        .build();
    let put = session.cloudwatch(&deployed.region).put_metric_data().namespace("Pointsman").metric_data(datum);
    put.send().await.map_err(failed("PutMetricData"))?;
    Ok(findings)
}
