//! The lab's AWS as anyone may ask it. The emulator checks no signature, but reads the region from it.

use serde_json::Value;

use super::{
    http::{self, Answer},
    seconds, until,
};

/// The account that the emulators' credentials belong to.
const ACCOUNT: &str = "000000000000";
pub(crate) const CONTROL_REGION: &str = "ca-central-1";
pub(crate) const OBSERVERS: [&str; 3] = ["us-west-2", "eu-central-1", "ap-southeast-2"];

/// An emulated AWS behind its endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    endpoint: String,
}

impl Aws {
    pub(crate) fn at(endpoint: &str) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned() }
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        (service, region): (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let scope = format!("Credential=test/20260101/{region}/{service}/aws4_request");
        let authorization = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let headers = [&[("Authorization", authorization.as_str())], headers].concat();
        http::ask(method, &format!("{}{path}", self.endpoint), &headers, body).unwrap()
    }

    fn object(&self, method: &str, kind: &str, key: &str, body: &[u8]) -> Answer {
        let path = format!("/pointsman-{kind}-{ACCOUNT}-{CONTROL_REGION}/{key}");
        self.call(method, &path, ("s3", CONTROL_REGION), &[], body)
    }

    /// What an observer wrote last; nothing: not a word yet.
    pub(crate) fn observation(&self, observer: &str, service: &str) -> Option<Value> {
        let found = self.object("GET", "observations", &format!("observations/{observer}/{service}.json"), b"");
        (found.status == 200).then(|| serde_json::from_slice(&found.body).unwrap())
    }

    /// A service's state object as it is.
    pub(crate) fn state(&self, service: &str) -> Vec<u8> {
        let found = self.object("GET", "state", &format!("state/{service}.json"), b"");
        assert_eq!(found.status, 200, "{}", String::from_utf8_lossy(&found.body));
        found.body
    }

    /// Overwrites a service's state object.
    pub(crate) fn put_state(&self, service: &str, content: &[u8]) {
        let put = self.object("PUT", "state", &format!("state/{service}.json"), content);
        assert_eq!(put.status, 200, "{}", String::from_utf8_lossy(&put.body));
    }

    /// The names of a region's functions.
    pub(crate) fn functions(&self, region: &str) -> Vec<String> {
        let found = self.call("GET", "/2015-03-31/functions/", ("lambda", region), &[], b"");
        let list: Value = serde_json::from_slice(&found.body).unwrap();
        let functions = list["Functions"].as_array().unwrap_or_else(|| panic!("{list}"));
        functions.iter().map(|function| function["FunctionName"].as_str().unwrap().to_owned()).collect()
    }

    /// A rule of a region's default bus.
    pub(crate) fn rule(&self, region: &str, name: &str) -> Value {
        let headers = [("X-Amz-Target", "AWSEvents.DescribeRule"), ("Content-Type", "application/x-amz-json-1.1")];
        let body = serde_json::json!({ "Name": name }).to_string();
        let found = self.call("POST", "/", ("events", region), &headers, body.as_bytes());
        serde_json::from_slice(&found.body).unwrap()
    }

    /// What the control region's CloudWatch answers to a query.
    pub(crate) fn cloudwatch(&self, query: &str) -> String {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let body = format!("{query}&Version=2010-08-01");
        let found = self.call("POST", "/", ("monitoring", CONTROL_REGION), &headers, body.as_bytes());
        let said = String::from_utf8_lossy(&found.body).into_owned();
        assert_eq!(found.status, 200, "{query}: {said}");
        said
    }

    /// The hash of the code that a function runs.
    pub(crate) fn code(&self, region: &str, function: &str) -> String {
        let path = format!("/2015-03-31/functions/{function}/configuration");
        let found = self.call("GET", &path, ("lambda", region), &[], b"");
        let configuration: Value = serde_json::from_slice(&found.body).unwrap();
        configuration["CodeSha256"].as_str().unwrap_or_else(|| panic!("{configuration}")).to_owned()
    }

    /// What a region's stack was given for a parameter; none where there is no such stack.
    pub(crate) fn parameter(&self, region: &str, stack: &str, name: &str) -> Option<String> {
        let body = format!("Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        let found = self.cloudformation(region, &body);
        let (_, rest) = found.split_once(&format!("<ParameterKey>{name}</ParameterKey>"))?;
        let (value, _) = rest.split_once("<ParameterValue>")?.1.split_once("</ParameterValue>")?;
        Some(value.to_owned())
    }

    /// An object of a region's artifact bucket, asked for, put or deleted.
    pub(crate) fn artifact(&self, method: &str, region: &str, key: &str, body: &[u8]) -> Vec<u8> {
        let path = format!("/pointsman-artifacts-{ACCOUNT}-{region}/{key}");
        let found = self.call(method, &path, ("s3", region), &[], body);
        assert!((200..300).contains(&found.status), "{method} {path}: {}", String::from_utf8_lossy(&found.body));
        found.body
    }

    /// Invokes a function and waits for its answer.
    pub(crate) fn invoke(&self, region: &str, function: &str, payload: &str) -> Value {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.call("POST", &path, ("lambda", region), &[], payload.as_bytes());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// A call of CloudFormation, its parameters encoded as a form has them.
    pub(crate) fn cloudformation(&self, region: &str, body: &str) -> String {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let found = self.call("POST", "/", ("cloudformation", region), &form, body.as_bytes());
        String::from_utf8_lossy(&found.body).into_owned()
    }

    /// A call of Route 53 as anybody with a console could make it; `path` is below its version.
    pub(crate) fn route53(&self, method: &str, path: &str, body: &str) -> String {
        let headers = [("Content-Type", "text/xml")];
        let path = format!("/2013-04-01/{path}");
        // The account's five requests a second are the lab's too (R42).
        let answer = until("Route 53 to have a turn", seconds(30), || {
            let answer = self.call(method, &path, ("route53", "us-east-1"), &headers, body.as_bytes());
            let throttled = String::from_utf8_lossy(&answer.body).contains("<Code>Throttling</Code>");
            (!throttled).then_some(answer)
        });
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!((200..300).contains(&answer.status), "{method} {path}: {said}");
        said
    }

    /// Changes one simple A record, or a set whose further elements are `routing`.
    pub(crate) fn change_a(&self, zone: &str, action: &str, name: &str, routing: &str, (ttl, value): (u32, &str)) {
        let values = format!(
            "{routing}<TTL>{ttl}</TTL><ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>"
        );
        self.change_set(zone, action, name, &values);
    }

    /// Makes or edits an alarm that goes off above so many errors a minute.
    pub(crate) fn put_alarm(&self, region: &str, name: &str, threshold: u32) {
        let body = format!(
            "Action=PutMetricAlarm&Version=2010-08-01&AlarmName={name}&MetricName=Errors&Namespace=Shop&Statistic=Sum&Period=60\
             &EvaluationPeriods=2&Threshold={threshold}&ComparisonOperator=GreaterThanThreshold\
             &Dimensions.member.1.Name=Region&Dimensions.member.1.Value={name}"
        );
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let put = self.call("POST", "/", ("monitoring", region), &[form], body.as_bytes());
        assert_eq!(put.status, 200, "{}", String::from_utf8_lossy(&put.body));
    }

    /// Makes a simple A record that is an alias of another name of the zone.
    pub(crate) fn create_alias(&self, zone: &str, name: &str, of: &str) {
        let target = format!(
            "<AliasTarget><HostedZoneId>{zone}</HostedZoneId><DNSName>{of}.</DNSName>\
             <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"
        );
        self.change_set(zone, "CREATE", name, &target);
    }

    fn change_set(&self, zone: &str, action: &str, name: &str, rest: &str) {
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch>\
             <Changes><Change><Action>{action}</Action><ResourceRecordSet><Name>{name}.</Name><Type>A</Type>{rest}\
             </ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.route53("POST", &format!("hostedzone/{zone}/rrset"), &body);
    }

    /// What kinds of things in a region have `word` in their names.
    pub(crate) fn mentions(&self, region: &str, word: &str) -> Vec<&'static str> {
        const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
        const EVENTS: &str = "application/x-amz-json-1.1";
        let post = |service, body: &str, headers: &[(&str, &str)]| {
            self.call("POST", "/", (service, region), headers, body.as_bytes())
        };
        let events = |operation: &str| post("events", "{}", &[("X-Amz-Target", operation), ("Content-Type", EVENTS)]);
        let answers = [
            ("stacks", post("cloudformation", "Action=DescribeStacks&Version=2010-05-15", &[FORM])),
            ("functions", self.call("GET", "/2015-03-31/functions/", ("lambda", region), &[], b"")),
            ("rules", events("AWSEvents.ListRules")),
            ("buses", events("AWSEvents.ListEventBuses")),
            ("topics", post("sns", "Action=ListTopics&Version=2010-03-31", &[FORM])),
        ];
        let is_ours = |answer: &Answer| {
            let text = String::from_utf8_lossy(&answer.body);
            assert_eq!(answer.status, 200, "{text}");
            // The deleted stacks are listed for a while.
            let deleted = text.matches("<StackStatus>DELETE_COMPLETE</StackStatus>").count();
            text.contains(word) && (deleted == 0 || text.matches("<StackStatus>").count() > deleted)
        };
        let mut found: Vec<_> = answers.iter().filter(|(_, answer)| is_ours(answer)).map(|(what, _)| *what).collect();
        // Buckets are listed for all regions at once; ours end with their region's name.
        let buckets = self.call("GET", "/", ("s3", region), &[], b"");
        let buckets = String::from_utf8_lossy(&buckets.body).into_owned();
        let mut names = buckets.split("<Name>").skip(1).filter_map(|rest| rest.split_once("</Name>"));
        if names.any(|(name, _)| name.contains(word) && name.ends_with(region)) {
            found.push("buckets");
        }
        found
    }
}
