//! The stack `watch`: alarms, the composite that pages, subscriptions and the dashboard, made from the configuration.

use domain::{Config, Subscriber, sha256_hex};
use serde_json::{Map, Value, json};

use crate::{
    alarm::{Alarm, Breach, Composite, Missing, alarms, composites},
    dashboard::dashboards,
};

/// Whether `CloudFormation` makes composite alarms: AWS does, and not everything that stands in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Composites {
    /// They are in the template.
    Made,
    /// They are left out.
    LeftOut,
}

/// The template, as JSON.
#[must_use]
pub fn template(config: &Config, how: Composites) -> Value {
    let alarms = alarms(config);
    let composites = match how {
        Composites::Made => composites(config, &alarms),
        Composites::LeftOut => Vec::new(),
    };
    let mut resources = Map::new();
    for alarm in &alarms {
        resources.insert(alarm.logical_id(), of_alarm(config, alarm));
    }
    let (page, parts) = match composites.split_last() {
        Some((page, parts)) => (Some(page), parts),
        None => (None, composites.as_slice()),
    };
    let ids: Vec<_> = alarms.iter().filter(|alarm| alarm.kind.pages()).map(Alarm::logical_id).collect();
    let part_ids: Vec<_> = (1..=parts.len()).map(|at| format!("PagePart{at}")).collect();
    for (id, part) in part_ids.iter().zip(parts) {
        resources.insert(id.clone(), of_composite(config, part, &ids, &[]));
    }
    if let Some(page) = page {
        let after = if parts.is_empty() { &ids } else { &part_ids };
        resources.insert("PageMe".to_owned(), of_composite(config, page, after, &[json!({ "Ref": "Page" })]));
    }
    resources.insert("Page".to_owned(), page_topic(config));
    let told =
        [("Tell", &config.notify.everything, topic(config)), ("Get", &config.notify.page, json!({ "Ref": "Page" }))];
    for (what, subscribers, topic) in told {
        for subscriber in subscribers {
            let id = format!("{what}{}", &sha256_hex(subscriber.to_string().as_bytes())[..10]);
            resources.insert(id, subscription(subscriber, &topic));
        }
    }
    for (at, dashboard) in dashboards(config, ALARM_ARN).into_iter().enumerate() {
        let id = if at == 0 { "Dashboard".to_owned() } else { format!("Dashboard{}", at + 1) };
        let body = json!({ "Fn::Sub": dashboard.body().to_string() });
        let properties = json!({ "DashboardName": dashboard.name, "DashboardBody": body });
        resources.insert(id, json!({ "Type": "AWS::CloudWatch::Dashboard", "Properties": properties }));
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Pointsman - alarms, dashboard and who is told, made from pointsman.toml.",
        "Resources": resources,
        "Outputs": { "Page": { "Value": { "Ref": "Page" } } },
    })
}

/// An alarm's ARN up to its name, for `Fn::Sub`.
const ALARM_ARN: &str = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:";

/// The topic of the control stack, by its name: the stacks know nothing of one another.
fn topic(config: &Config) -> Value {
    json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:{}", config.stack) })
}

fn tags(config: &Config) -> Value {
    let tag = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    json!([tag("project", "pointsman"), tag("stack", config.stack.as_str()), tag("managed-by", "pointsman")])
}

fn of_alarm(config: &Config, alarm: &Alarm) -> Value {
    let failover = format!("{}-failover", config.stack);
    let (namespace, metric, dimensions) = alarm.metric(&failover);
    let dimensions: Vec<_> = dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    let (comparison, threshold) = match alarm.breach {
        Breach::AtLeast(value) => ("GreaterThanOrEqualToThreshold", value),
        Breach::AtMost(value) => ("LessThanOrEqualToThreshold", value),
        Breach::Below(value) => ("LessThanThreshold", value),
    };
    let missing = match alarm.missing {
        Missing::Well => "notBreaching",
        Missing::Breach => "breaching",
        Missing::Nothing => "ignore",
    };
    let mut properties = json!({
        "AlarmName": alarm.name(),
        "AlarmDescription": alarm.description(),
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": dimensions,
        "Statistic": alarm.statistic,
        "Period": alarm.period_s,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.breaches,
        "ComparisonOperator": comparison,
        "Threshold": threshold,
        "TreatMissingData": missing,
        "Tags": tags(config),
    });
    for action in alarm.speaks_of() {
        properties[action] = json!([topic(config)]);
    }
    json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
}

fn of_composite(config: &Config, composite: &Composite, after: &[String], actions: &[Value]) -> Value {
    let mut properties = json!({
        "AlarmName": composite.name,
        "AlarmDescription": "Somebody has to get up. Which alarm it is stands in its children. Runbook: docs/runbook.md#page",
        "AlarmRule": composite.rule(),
        "Tags": tags(config),
    });
    if !actions.is_empty() {
        properties["AlarmActions"] = json!(actions);
        properties["OKActions"] = json!(actions);
    }
    json!({ "Type": "AWS::CloudWatch::CompositeAlarm", "DependsOn": after, "Properties": properties })
}

/// Only the composite speaks there.
fn page_topic(config: &Config) -> Value {
    let why = "alarms can't publish to a topic under AWS's own key; messages name services and regions, no secrets";
    json!({
        "Type": "AWS::SNS::Topic",
        "Metadata": { "checkov": { "skip": [{ "id": "CKV_AWS_26", "comment": why }] } },
        "Properties": { "TopicName": format!("{}-page", config.stack), "Tags": tags(config) },
    })
}

fn subscription(subscriber: &Subscriber, topic: &Value) -> Value {
    let properties =
        json!({ "TopicArn": topic, "Protocol": subscriber.protocol(), "Endpoint": subscriber.to_string() });
    json!({ "Type": "AWS::SNS::Subscription", "Properties": properties })
}
