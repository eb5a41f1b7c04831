//! The functions' roles as the templates write them, beside what the functions asked for.

use std::collections::BTreeSet;

use serde_json::Value;

const TEMPLATES: [(&str, &str); 2] = [
    ("pointsman-checker", include_str!("../../../infra/observer.yaml")),
    ("pointsman-failover", include_str!("../../../infra/control.yaml")),
];

/// Allowed, and not asked for by the function's own code.
const NEVER_ASKED: [&str; 14] = [
    // Of an observer in a VPC: Lambda makes its network interfaces, in the function's name.
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    // Of a region that has a `replication_lag`, which no rehearsal's has; the failover function's own tests ask it.
    "cloudwatch:GetMetricStatistics",
    // The same of one that has `buckets`, `secrets` or `backups`.
    "backup:ListRecoveryPointsByBackupVault",
    "s3:GetReplicationConfiguration",
    "secretsmanager:DescribeSecret",
    // Lambda's runtime writes a function's log in its name.
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    // Lambda hands what failed to the queue, in the function's name.
    "sqs:SendMessage",
    // It makes S3 answer "no such key" rather than "denied".
    "s3:ListBucket",
];

/// Asked for by the failover function's preflight alone, which no drill lasts long enough for; a test has it made.
const OF_THE_PREFLIGHT: [&str; 8] = [
    // Of a region that has an `alarm`, too.
    "cloudwatch:DescribeAlarms",
    "events:DescribeRule",
    "lambda:GetFunctionConfiguration",
    "lambda:InvokeFunction",
    "route53:GetHostedZone",
    "route53:ListHealthChecks",
    "s3:GetBucketVersioning",
    "sns:ListSubscriptionsByTopic",
];

/// What a template's role allows: only its statements stand so far to the right. What its own code is denied has a wildcard.
fn allowed(template: &str) -> BTreeSet<&str> {
    let lines = template.lines().filter(|line| line.starts_with("                "));
    let lines = lines.filter_map(|line| line.trim().strip_prefix("Action: "));
    let actions = lines.flat_map(|line| line.trim_matches(['[', ']']).split(", "));
    actions.filter(|action| *action != "\"ec2:*\"").collect()
}

/// The action that a role needs for an operation.
fn action(operation: &str) -> String {
    match operation.split_once(':') {
        Some(("lambda", "Invoke")) => "lambda:InvokeFunction".to_owned(),
        Some(("s3", "HeadObject")) => "s3:GetObject".to_owned(),
        Some(("s3", "GetBucketReplication")) => "s3:GetReplicationConfiguration".to_owned(),
        Some(("s3", "ListObjectsV2")) => "s3:ListBucket".to_owned(),
        Some(("monitoring", operation)) => format!("cloudwatch:{operation}"),
        _ => operation.to_owned(),
    }
}

fn asked(report: &Value, function: &str) -> BTreeSet<String> {
    let operations = report["function_calls"][function].as_array().into_iter().flatten();
    operations.map(|operation| action(operation.as_str().unwrap())).collect()
}

/// Neither emulator enforces IAM: what AWS would deny is found here.
pub(crate) fn nothing_is_missing(report: &Value) {
    for (function, template) in TEMPLATES {
        let allowed = allowed(template);
        let asked = asked(report, function);
        let missing: Vec<_> = asked.iter().filter(|action| !allowed.contains(action.as_str())).collect();
        assert!(missing.is_empty(), "the role of {function} does not allow {missing:?}");
    }
    let functions: Vec<_> = report["function_calls"].as_object().unwrap().keys().collect();
    assert!(functions.iter().all(|it| TEMPLATES.iter().any(|(function, _)| it == function)), "{functions:?}");
}

/// For reports that, together, have all that the functions do.
pub(crate) fn nothing_is_unused(reports: &[&Value]) {
    for (function, template) in TEMPLATES {
        let asked: BTreeSet<_> = reports.iter().flat_map(|report| asked(report, function)).collect();
        let unused: Vec<_> = allowed(template)
            .into_iter()
            .filter(|action| !asked.contains(*action) && !NEVER_ASKED.contains(action))
            .filter(|action| function != "pointsman-failover" || !OF_THE_PREFLIGHT.contains(action))
            .collect();
        assert!(unused.is_empty(), "nothing that {function} does needs {unused:?}; it asked for {asked:?}");
    }
}

/// The failover function's role allows all of these operations, and they are all that its preflight alone is allowed.
pub(crate) fn preflight_is_allowed(operations: impl IntoIterator<Item = String>) {
    let [_, (function, template)] = TEMPLATES;
    let (asked, allowed) = (operations.into_iter().map(|it| action(&it)).collect::<BTreeSet<_>>(), allowed(template));
    let missing: Vec<_> = asked.iter().filter(|action| !allowed.contains(action.as_str())).collect();
    assert!(missing.is_empty(), "the role of {function} does not allow {missing:?}");
    // An emulator's zone is not asked whether it has opted in to accelerated recovery, and a fast lab has no schedule.
    let elsewhere = ["route53:GetHostedZone", "events:DescribeRule"];
    let unasked = OF_THE_PREFLIGHT.iter().filter(|it| !elsewhere.contains(*it) && !asked.contains(**it));
    assert_eq!(unasked.collect::<Vec<_>>(), Vec::<&&str>::new(), "{asked:?}");
}
