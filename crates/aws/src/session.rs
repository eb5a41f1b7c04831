//! One configuration of the SDK, and a client a service and region made from it.

use std::time::Duration;

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig,
    retry::RetryConfig,
    timeout::{self, TimeoutConfig},
};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use domain::RegionName;

use crate::{
    error::{AwsError, failed},
    pace::{Pace, Paced},
};

/// What the command line may say; the environment and the profile say the rest.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url`.
    pub endpoint_url: Option<String>,
    /// Which function calls, as its `User-Agent` says: none for a person. `CloudTrail` and a lab's reports show it.
    pub caller: Option<String>,
}

/// What a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// What an attempt at a call may take.
const ATTEMPT: Duration = Duration::from_secs(8);
/// What a call may take with all its attempts.
const OPERATION: Duration = Duration::from_secs(20);
/// A lab's machine is no faster for its clock: so much patience with it is left at any speed.
const LEAST: Duration = Duration::from_secs(2);

fn timeouts(speed: f64) -> timeout::TimeoutConfigBuilder {
    TimeoutConfig::builder()
        .connect_timeout(scaled(CONNECT, speed))
        .operation_attempt_timeout(scaled(ATTEMPT, speed))
        .operation_timeout(scaled(OPERATION, speed))
}

fn scaled(life: Duration, speed: f64) -> Duration {
    life.div_f64(speed).max(LEAST.min(life))
}

/// Where calls go and as whom.
#[derive(Debug, Clone)]
pub struct Session {
    base: SdkConfig,
}

impl Session {
    /// Reads environment and profile. Makes no call.
    pub async fn load(options: SessionOptions) -> Self {
        // A function's flip must not wait, and its next look tries again. Adaptive retries would hold a throttled person's
        // calls back until their time is over, which then passes for a network that is down.
        let attempts = if options.caller.is_some() { 3 } else { 4 };
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(attempts))
            .timeout_config(timeouts(1.0).build());
        if let Some(profile) = options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = options.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(url) = options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(caller) = options.caller.and_then(|caller| AppName::new(caller).ok()) {
            loader = loader.app_name(caller);
        }
        Self { base: loader.load().await }
    }

    /// The same with the credentials that emulators expect, so that a lab never uses a person's own.
    #[must_use]
    pub fn with_test_credentials(self) -> Self {
        let test = Credentials::new("test", "test", None, None, "lab");
        let base = self.base.into_builder().credentials_provider(SharedCredentialsProvider::new(test)).build();
        Self { base }
    }

    /// The same with the patience of a lab that is so much faster than life.
    #[must_use]
    pub(crate) fn at_speed(self, speed: f64) -> Self {
        Self { base: self.base.into_builder().timeout_config(timeouts(speed).build()).build() }
    }

    /// The endpoint that stands in for AWS, if one does.
    #[must_use]
    pub fn endpoint_url(&self) -> Option<&str> {
        self.base.endpoint_url()
    }

    /// The region of the environment or profile.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.base.region().map(Region::as_ref)
    }

    /// The account that the credentials belong to.
    pub async fn account(&self, region: &RegionName) -> Result<String, AwsError> {
        let identity = aws_sdk_sts::Client::new(&self.at(region))
            .get_caller_identity()
            .send()
            .await
            .map_err(failed("GetCallerIdentity"))?;
        identity.account.ok_or(AwsError::Refused {
            operation: "GetCallerIdentity",
            code: "Empty".to_owned(),
            message: "no account in the answer".to_owned(),
        })
    }

    fn at(&self, region: &RegionName) -> SdkConfig {
        self.base.clone().into_builder().region(Region::new(region.to_string())).build()
    }

    pub(crate) fn s3(&self, region: &RegionName) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.at(region))
            // A stand-in answers on one host name for all buckets.
            .force_path_style(self.endpoint_url().is_some())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(crate) fn backup(&self, region: &RegionName) -> aws_sdk_backup::Client {
        aws_sdk_backup::Client::new(&self.at(region))
    }

    pub(crate) fn cloudformation(&self, region: &RegionName) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.at(region))
    }

    pub(crate) fn cloudwatch(&self, region: &RegionName) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.at(region))
    }

    pub(crate) fn eventbridge(&self, region: &RegionName) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.at(region))
    }

    pub(crate) fn lambda(&self, region: &RegionName) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.at(region))
    }

    pub(crate) fn secretsmanager(&self, region: &RegionName) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.at(region))
    }

    pub(crate) fn sns(&self, region: &RegionName) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.at(region))
    }

    /// Route 53's control plane lives in us-east-1 alone (R43). It has one limit for the whole account (R42), which others
    /// use up too: refused for that, a call is tried again after a random part of a doubling wait, five times in all, and waits
    /// for its turn each time.
    /// `speed` is how much faster than life a lab is, else 1.
    pub(crate) fn route53(&self, speed: f64) -> aws_sdk_route53::Client {
        let retry = RetryConfig::standard()
            .with_max_attempts(5)
            .with_initial_backoff(Duration::from_millis(500).div_f64(speed))
            .with_max_backoff(Duration::from_secs(4).div_f64(speed));
        // An attempt's time begins when its turn has come.
        let timeouts = timeouts(speed).disable_operation_attempt_timeout().build();
        let base = self.base.clone().into_builder().region(Region::new("us-east-1"));
        let paced = Paced::new(Pace::new(speed), scaled(ATTEMPT, speed));
        aws_sdk_route53::Client::new(&base.retry_config(retry).timeout_config(timeouts).http_client(paced).build())
    }
}
