//! What a call was: service and region from its signature, operation from its protocol, and who made it.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use hyper::{Method, StatusCode};

use super::Call;
use crate::{clock::Clock, hosted::Moment};

/// One call that went through the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCall {
    /// When it came, on both clocks.
    pub at: Moment,
    /// Until it was answered, or ended otherwise.
    pub duration: Duration,
    /// As in the signature's scope (`s3`, `route53`); empty for an unsigned call.
    pub service: String,
    /// As in the signature's scope.
    pub region: String,
    /// The API's name for it (`PutObject`), or `METHOD /path` where we know none.
    pub operation: String,
    /// The HTTP status; none: it was not answered.
    pub status: Option<u16>,
    /// Whether a fault met it.
    pub injected: bool,
    /// The caller's `User-Agent`.
    pub user_agent: String,
}

/// What can be told from the call alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    pub(super) service: String,
    pub(super) region: String,
    pub(super) operation: String,
    user_agent: String,
}

impl Identity {
    pub(super) fn of(service: &str, region: &str, operation: &str) -> Self {
        let [service, region, operation] = [service, region, operation].map(str::to_owned);
        Self { service, region, operation, user_agent: String::new() }
    }

    pub(super) fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }

    pub(super) fn function(&self) -> Option<&str> {
        function(&self.user_agent)
    }
}

impl AwsCall {
    /// The function of ours that made it, as the SDK's `app/NAME` tells; none: the drill itself or a person.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        function(&self.user_agent)
    }

    /// The same for a report, in seconds of life.
    #[must_use]
    pub fn reported(&self, clock: &Clock) -> report::calls::Call {
        let (at, began) = (self.at.instant.into_std(), clock.started());
        report::calls::Call {
            t: if at < began { -clock.unscaled(began - at) } else { clock.at(at) },
            service: self.service.clone(),
            region: self.region.clone(),
            operation: self.operation.clone(),
            function: self.function().map(str::to_owned),
            status: self.status,
            injected: self.injected,
        }
    }
}

/// A call under way; dropped, it is recorded, be it answered or not.
pub(super) struct Recording<'a> {
    calls: &'a Mutex<Vec<AwsCall>>,
    at: Moment,
    identity: Identity,
    pub(super) status: Option<StatusCode>,
    pub(super) injected: bool,
}

impl<'a> Recording<'a> {
    pub(super) fn begin(calls: &'a Mutex<Vec<AwsCall>>, at: Moment, identity: Identity) -> Self {
        Self { calls, at, identity, status: None, injected: false }
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        let Identity { service, region, operation, user_agent } = mem::take(&mut self.identity);
        let (at, status, injected) = (self.at, self.status.map(|status| status.as_u16()), self.injected);
        let duration = at.instant.elapsed();
        let call = AwsCall { at, duration, service, region, operation, status, injected, user_agent };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

fn function(user_agent: &str) -> Option<&str> {
    user_agent.split(' ').find_map(|part| part.strip_prefix("app/"))
}

pub(super) fn identify(call: &Call) -> Identity {
    let (service, region) = scope(call).unwrap_or_default();
    let operation = operation(call, &service).unwrap_or_else(|| format!("{} {}", call.method, call.uri.path()));
    Identity {
        service,
        region,
        operation,
        user_agent: header(call, USER_AGENT.as_str()).unwrap_or_default().to_owned(),
    }
}

fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.headers.get(name)?.to_str().ok()
}

/// Service and region of `Credential=AKID/date/region/service/aws4_request`.
fn scope(call: &Call) -> Option<(String, String)> {
    let signed =
        header(call, AUTHORIZATION.as_str()).and_then(|value| Some(value.split_once("Credential=")?.1.to_owned()));
    let credential = signed.or_else(|| call.query("X-Amz-Credential"))?;
    let mut parts = credential.split([',', ' ']).next()?.split('/').skip(2);
    let (region, service) = (parts.next()?, parts.next()?);
    Some((service.to_owned(), region.to_owned()))
}

fn operation(call: &Call, service: &str) -> Option<String> {
    if let Some(target) = header(call, "x-amz-target") {
        return target.rsplit('.').next().map(str::to_owned);
    }
    let segments: Vec<&str> = call.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    if let ["service", _, "operation", operation] = segments[..] {
        return Some(operation.to_owned());
    }
    let is_form =
        header(call, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let body_action =
        || form_urlencoded::parse(&call.body).find(|(key, _)| key == "Action").map(|(_, action)| action.into_owned());
    if let Some(action) = call.query("Action").or_else(|| is_form.then(body_action).flatten()) {
        return Some(action);
    }
    let named = match (service, &segments[..]) {
        ("s3", segments) => s3(call, segments),
        ("lambda", [_, "functions", rest @ ..]) => lambda(&call.method, rest),
        ("route53", [_, rest @ ..]) => route53(&call.method, rest),
        _ => None,
    };
    named.map(str::to_owned)
}

fn s3(call: &Call, segments: &[&str]) -> Option<&'static str> {
    let has = |parameter| call.query(parameter).is_some();
    let copies = call.headers.contains_key("x-amz-copy-source");
    Some(match (call.method.as_str(), segments.len()) {
        ("GET", 0) => "ListBuckets",
        ("PUT", 1) if has("versioning") => "PutBucketVersioning",
        ("PUT", 1) if has("lifecycle") => "PutBucketLifecycleConfiguration",
        ("PUT", 1) if has("replication") => "PutBucketReplication",
        ("PUT", 1) => "CreateBucket",
        ("HEAD", 1) => "HeadBucket",
        ("DELETE", 1) => "DeleteBucket",
        ("GET", 1) if has("versions") => "ListObjectVersions",
        ("GET", 1) if has("versioning") => "GetBucketVersioning",
        ("GET", 1) if has("replication") => "GetBucketReplication",
        ("GET", 1) if has("location") => "GetBucketLocation",
        ("GET", 1) if has("list-type") => "ListObjectsV2",
        ("GET", 1) => "ListObjects",
        ("POST", 1) if has("delete") => "DeleteObjects",
        ("PUT", 2..) if copies => "CopyObject",
        ("PUT", 2..) if has("uploadId") => "UploadPart",
        ("PUT", 2..) => "PutObject",
        ("GET", 2..) => "GetObject",
        ("HEAD", 2..) => "HeadObject",
        ("DELETE", 2..) => "DeleteObject",
        _ => return None,
    })
}

fn lambda(method: &Method, rest: &[&str]) -> Option<&'static str> {
    Some(match (method.as_str(), rest) {
        ("POST", []) => "CreateFunction",
        ("GET", []) => "ListFunctions",
        ("GET", [_]) => "GetFunction",
        ("DELETE", [_]) => "DeleteFunction",
        ("POST", [_, "invocations"]) => "Invoke",
        ("PUT", [_, "code"]) => "UpdateFunctionCode",
        ("PUT", [_, "configuration"]) => "UpdateFunctionConfiguration",
        ("GET", [_, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", [_, "concurrency"]) => "PutFunctionConcurrency",
        _ => return None,
    })
}

fn route53(method: &Method, rest: &[&str]) -> Option<&'static str> {
    Some(match (method.as_str(), rest) {
        ("POST", ["hostedzone"]) => "CreateHostedZone",
        ("GET", ["hostedzone"]) => "ListHostedZones",
        ("GET", ["hostedzonesbyname"]) => "ListHostedZonesByName",
        ("GET", ["hostedzone", _]) => "GetHostedZone",
        ("DELETE", ["hostedzone", _]) => "DeleteHostedZone",
        ("GET", ["hostedzone", _, "rrset"]) => "ListResourceRecordSets",
        ("POST", ["hostedzone", _, "rrset"]) => "ChangeResourceRecordSets",
        ("GET", ["change", _]) => "GetChange",
        ("POST", ["healthcheck"]) => "CreateHealthCheck",
        ("GET", ["healthcheck"]) => "ListHealthChecks",
        ("GET", ["healthcheck", _]) => "GetHealthCheck",
        ("POST", ["healthcheck", _]) => "UpdateHealthCheck",
        ("DELETE", ["healthcheck", _]) => "DeleteHealthCheck",
        ("GET", ["healthcheck", _, "status"]) => "GetHealthCheckStatus",
        ("GET", ["healthcheck", _, "lastfailurereason"]) => "GetHealthCheckLastFailureReason",
        ("GET", ["healthcheckcount"]) => "GetHealthCheckCount",
        ("GET", ["testdnsanswer"]) => "TestDNSAnswer",
        ("GET", ["tags", ..]) => "ListTagsForResource",
        ("POST", ["tags", _]) => "ListTagsForResources",
        ("POST", ["tags", ..]) => "ChangeTagsForResource",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::HeaderMap;

    use super::*;

    fn call(method: Method, uri: &str, headers: &[(&'static str, &str)], body: &'static str) -> Call {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Call { method, uri: uri.parse().unwrap(), headers, body: Bytes::from_static(body.as_bytes()) }
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    fn identified(service: &str, method: Method, uri: &str) -> String {
        identify(&call(method, uri, &[("authorization", &signed(service))], "")).operation
    }

    #[test]
    fn service_and_region_are_the_signatures() {
        let by_header = identify(&call(Method::GET, "/", &[("authorization", &signed("s3"))], ""));
        let query = "/?X-Amz-Credential=AKID%2F20261121%2Feu-west-1%2Fs3%2Faws4_request";
        let by_query = identify(&call(Method::GET, query, &[], ""));
        for identity in [by_header, by_query] {
            assert_eq!((identity.service.as_str(), identity.region.as_str()), ("s3", "eu-west-1"));
        }
    }

    #[test]
    fn a_function_of_ours_names_itself() {
        let made = |user_agent: &str| {
            let calls = Mutex::default();
            let header = [("authorization", signed("s3")), ("user-agent", user_agent.to_owned())];
            let header = header.each_ref().map(|(name, value)| (*name, value.as_str()));
            drop(Recording::begin(&calls, Moment::now(), identify(&call(Method::GET, "/", &header, ""))));
            calls.into_inner().unwrap().remove(0)
        };
        let ours = made("aws-sdk-rust/1.3 ua/2.1 api/s3/1.1 os/linux lang/rust/1.90 app/pointsman-failover");
        assert_eq!((ours.function(), ours.status), (Some("pointsman-failover"), None));
        assert_eq!(made("aws-cli/2").function(), None);
    }

    #[test]
    fn json_and_query_protocols_name_their_operation() {
        let json = call(Method::POST, "/", &[("x-amz-target", "AWSEvents.PutEvents")], "{}");
        assert_eq!(identify(&json).operation, "PutEvents");
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let form = call(Method::POST, "/", &form, "Version=2010-05-15&Action=CreateChangeSet&X=a%26Action=b");
        assert_eq!(identify(&form).operation, "CreateChangeSet");
        let cbor = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
        assert_eq!(identified("monitoring", Method::POST, cbor), "PutMetricData");
    }

    #[test]
    fn rest_services_are_known_by_method_and_path() {
        for (service, method, uri, operation) in [
            ("s3", Method::PUT, "/state", "CreateBucket"),
            ("s3", Method::GET, "/state?list-type=2&prefix=a%2F", "ListObjectsV2"),
            ("s3", Method::GET, "/assets?replication", "GetBucketReplication"),
            ("s3", Method::PUT, "/state/services/api.json?x-id=PutObject", "PutObject"),
            ("lambda", Method::POST, "/2015-03-31/functions/checker/invocations", "Invoke"),
            ("route53", Method::POST, "/2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets"),
            ("route53", Method::GET, "/2013-04-01/healthcheck/abc/status", "GetHealthCheckStatus"),
            ("xray", Method::GET, "/x", "GET /x"),
        ] {
            assert_eq!(identified(service, method, uri), operation);
        }
    }
}
