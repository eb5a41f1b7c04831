//! The lab's AWS as anyone may ask it. The emulator checks no signature, but reads the region from it.

use serde_json::Value;

use super::http::{self, Answer};

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
}
