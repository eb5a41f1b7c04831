//! The network that an observer looks from, where it is not the internet.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    RegionName, SecurityGroupId, SubnetId,
    place::{Problems, Segment::Key},
};

/// Lambda takes no more of each.
const MOST_SUBNETS: usize = 16;
const MOST_GROUPS: usize = 5;

/// Subnets and security groups of an observer. AWS and the services are reached from there by NAT or VPC endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// Subnets, best of several availability zones.
    pub subnets: Vec<SubnetId>,
    /// Security groups that let it out.
    pub security_groups: Vec<SecurityGroupId>,
}

/// Says what is wrong with the networks of observers.
pub(crate) fn check(networks: &BTreeMap<RegionName, Vpc>, observers: &[RegionName], problems: &mut Problems) {
    for (region, vpc) in networks {
        if !observers.contains(region) {
            problems.add(&[Key("vpc")], format!("`{region}` is no observer's region"));
        }
        for (what, given, most) in
            [("subnets", vpc.subnets.len(), MOST_SUBNETS), ("security groups", vpc.security_groups.len(), MOST_GROUPS)]
        {
            if !(1..=most).contains(&given) {
                problems.add(&[Key("vpc")], format!("{given} {what} of `{region}`; there are 1 to {most}"));
            }
        }
    }
}
