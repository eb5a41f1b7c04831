//! What was asked of AWS: counted, priced by list, and held against what may not be asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    Expectation,
    cost::{self, PerCall},
    expectations::number,
};
use scenario::aws::{AwsService, Calls};

/// Calls that an unmet expectation names.
const NAMED: usize = 5;

/// One call, as it passed the lab's proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// When it was made, in unscaled seconds since the load began; negative before that.
    pub t: f64,
    /// By its name in a signature's scope: `s3`, `monitoring`.
    pub service: String,
    /// The region whose endpoint was called.
    pub region: String,
    /// `PutObject`, …
    pub operation: String,
    /// Which of our functions made it; none: the drill itself or a person.
    pub function: Option<String>,
    /// The HTTP status; none: it was not answered.
    pub status: Option<u16>,
    /// Whether a fault of the scenario met it.
    pub injected: bool,
}

/// Calls of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsCalls {
    /// `route53`, `s3`, …
    pub service: String,
    /// The region whose endpoint was called.
    pub region: String,
    /// `ChangeResourceRecordSets`, …
    pub operation: String,
    /// How many.
    pub count: u64,
    /// Of these, answered with 400 or above, or not at all.
    pub failed: u64,
    /// Of these, met by a fault of the scenario.
    pub injected: u64,
    /// Their list price; none is known for some calls.
    pub usd: Option<Price>,
}

/// US dollars, to the billionth: a call costs less than a cent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Price(u64);

impl From<f64> for Price {
    /// Rounded; a negative amount is none.
    fn from(dollars: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float saturates")]
        Self((dollars * 1e9).round() as u64)
    }
}

impl From<Price> for f64 {
    fn from(Price(billionths): Price) -> f64 {
        billionths as f64 / 1e9
    }
}

impl Price {
    fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl std::iter::Sum for Price {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|Self(billionths)| billionths).sum())
    }
}

impl fmt::Display for Price {
    /// To the millionth, rounded up: what costs anything does not read as free.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millionths = self.0.div_ceil(1_000);
        f.pad(&if millionths == 0 {
            "$0".to_owned()
        } else {
            format!("${}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
        })
    }
}

/// The calls, counted by service, region and operation, in that order.
pub(crate) fn count(calls: &[Call]) -> Vec<AwsCalls> {
    let mut all = BTreeMap::<_, AwsCalls>::new();
    for Call { service, region, operation, status, injected, .. } in calls {
        let of = all.entry((service, region, operation)).or_insert_with(|| AwsCalls {
            service: service.clone(),
            region: region.clone(),
            operation: operation.clone(),
            count: 0,
            failed: 0,
            injected: 0,
            usd: None,
        });
        of.count += 1;
        of.failed += u64::from(status.is_none_or(|status| status >= 400));
        of.injected += u64::from(*injected);
    }
    let priced = |calls: AwsCalls| {
        let each = cost::per_call(&calls.service, &calls.operation).map(|PerCall(dollars)| Price::from(dollars));
        AwsCalls { usd: each.map(|each| each.times(calls.count)), ..calls }
    };
    all.into_values().map(priced).collect()
}

/// The operations that each of our functions asked for.
pub(crate) fn by_function(calls: &[Call]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::<_, BTreeSet<_>>::new();
    for call in calls {
        if let Some(function) = &call.function {
            all.entry(function.clone()).or_default().insert(format!("{}:{}", call.service, call.operation));
        }
    }
    all
}

/// The list price of all that have one.
pub(crate) fn sum(calls: &[AwsCalls]) -> Price {
    calls.iter().filter_map(|calls| calls.usd).sum()
}

/// Whether none of our functions made such a call in that time.
pub(crate) fn none_made(forbidden: &Calls, calls: &[Call], from: f64, to: f64) -> Expectation {
    // A flip can't do without it, and health checks stand behind it.
    let excepted = |call: &Call| forbidden.service.is_none() && call.service == AwsService::Route53.scope();
    let made: Vec<_> = calls
        .iter()
        .filter(|call| call.function.is_some() && (from..to).contains(&call.t) && !excepted(call))
        .filter(|call| forbidden.include(&call.service, &call.region, &call.operation))
        .collect();
    let named = made.iter().take(NAMED).map(|call| {
        let by = call.function.as_deref().unwrap_or_default();
        format!("{} {} in {} by {by} at {}s", call.service, call.operation, call.region, number(call.t))
    });
    Expectation {
        text: format!("no call of our functions to {forbidden} between the first fault and recovery"),
        met: made.is_empty(),
        seen: if made.is_empty() {
            "none".to_owned()
        } else {
            format!("{}: {}", made.len(), named.collect::<Vec<_>>().join("; "))
        },
    }
}

#[cfg(test)]
mod tests;
