//! `[[aws]]`: a rule by which AWS fails for a while.

use domain::{
    Period, RegionName, Share,
    place::{
        Problems,
        Segment::{self, Key},
        at,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::shape;
use crate::{
    Injection, OnOff, What,
    aws::{AwsKind, AwsService, AwsWritten, Calls, ErrorWritten},
};

/// A rule by which AWS fails for a while. `service`, `region`, `operation`, `probability` and `error` are those of
/// `LocalStack`'s chaos API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AwsFile {
    /// What becomes of the calls. Default `error`.
    #[serde(default)]
    kind: AwsKind,
    /// Calls to this service. Default: every one.
    service: Option<AwsService>,
    /// Calls to this region's endpoint; Route 53's is in us-east-1. Default: every one.
    region: Option<RegionName>,
    /// Calls of this operation, `PutObject`. Default: every one.
    operation: Option<String>,
    /// Calls with this in their path: a bucket's name, or a part of it. Default: every one.
    resource: Option<String>,
    /// How many of them, from 0 to 1. Default 1.
    probability: Option<Share>,
    /// `error`, `throttle`: what they are answered with.
    error: Option<ErrorWritten>,
    /// `latency`, `delay-events`: how late.
    delay: Option<Period>,
    /// `stale-read`: for how long after a write. Default 5s.
    window: Option<Period>,
    /// When, since the end of the steady state.
    at: Period,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Period,
    /// Comes and goes, for these lengths.
    pulse: Option<OnOff>,
    /// Comes and goes, for lengths drawn at random; these are the means.
    random: Option<OnOff>,
}

impl AwsFile {
    pub(super) fn resolve(self, path: &[Segment], steady: Period, problems: &mut Problems) -> Option<Injection> {
        let Self { kind, service, region, operation, resource, probability, error, delay, window, .. } = self;
        if self.lasts == Period::default() {
            problems.add(&at(path, &[Key("for")]), "a fault that lasts no time is none");
        }
        let calls = Calls { service, region, operation };
        let written = AwsWritten { kind, calls, resource, probability, error, delay, window };
        let aws = written.check(|key, message| problems.add(&at(path, &[Key(key)]), message))?;
        let shape = shape(None, self.pulse, self.random, path, problems)?;
        let begins = Period(steady.0 + self.at.0);
        let ends = Period(begins.0 + self.lasts.0);
        Some(Injection { what: What::Aws { aws }, shape, begins, ends, leave_within: None })
    }
}
