//! What is called how: derived from stack, account and region, so that nobody has to look anything up.

use domain::{DnsName, ObserverName, RegionName, StackName};

/// The names of one deployment.
#[derive(Debug, Clone)]
pub struct Names {
    stack: StackName,
    account: String,
}

impl Names {
    /// The names of a stack in an account.
    #[must_use]
    pub fn new(stack: StackName, account: String) -> Self {
        Self { stack, account }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The bucket of a region's code and configuration.
    #[must_use]
    pub fn artifacts(&self, region: &RegionName) -> String {
        format!("{}{region}", self.artifacts_anywhere())
    }

    /// What the artifact buckets of all regions begin with.
    pub(crate) fn artifacts_anywhere(&self) -> String {
        format!("{}-artifacts-{}-", self.stack, self.account)
    }

    /// The bucket of the state.
    #[must_use]
    pub fn state(&self, control: &RegionName) -> String {
        format!("{}-state-{}-{control}", self.stack, self.account)
    }

    /// The bucket of the observations.
    #[must_use]
    pub fn observations(&self, control: &RegionName) -> String {
        format!("{}-observations-{}-{control}", self.stack, self.account)
    }

    /// The control region's bus.
    #[must_use]
    pub fn bus(&self) -> String {
        self.stack.to_string()
    }

    /// The topic of the control region, as an ARN.
    #[must_use]
    pub fn topic(&self, control: &RegionName) -> String {
        format!("arn:aws:sns:{control}:{}:{}", self.account, self.stack)
    }

    /// The checker function, the same in every observer region.
    #[must_use]
    pub fn checker(&self) -> String {
        format!("{}-checker", self.stack)
    }

    /// The failover function.
    #[must_use]
    pub fn failover(&self) -> String {
        format!("{}-failover", self.stack)
    }

    /// The `CloudFormation` stack of a part.
    #[must_use]
    pub fn stack(&self, part: &str) -> String {
        format!("{}-{part}", self.stack)
    }
}

/// The key of a service's state.
pub(crate) fn state_key(service: &DnsName) -> String {
    format!("state/{service}.json")
}

/// The key of an observer's latest observation of a service: one writer each.
pub(crate) fn observation_key(observer: &ObserverName, service: &DnsName) -> String {
    format!("observations/{observer}/{service}.json")
}

/// The key of what an observer has learned of a region: one writer each, in a folder of its own beside the observations.
pub(crate) fn baseline_key(observer: &ObserverName, service: &DnsName, region: &RegionName) -> String {
    format!("baselines/{observer}/{service}/{region}.bin")
}
