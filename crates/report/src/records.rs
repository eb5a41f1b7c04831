//! What became of each request, in 24 bytes.

use std::{net::IpAddr, time::Duration};

use domain::RegionName;
use hdrhistogram::Histogram;

/// Every request of a fleet.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// The requests.
    pub requests: Vec<Request>,
    regions: Vec<RegionName>,
    addresses: Vec<IpAddr>,
}

/// One request. Times count from the fleet's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    intended_us: u64,
    late_us: u32,
    latency_us: u32,
    /// How it ended.
    pub outcome: Outcome,
    region: Option<u8>,
    address: Option<u8>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered, with this status.
    Status(u16),
    /// Not answered.
    Failed(Failure),
}

impl Outcome {
    /// Answered with 2xx.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Status(200..300))
    }
}

/// Why a request was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name did not resolve to an address.
    Dns,
    /// The port is closed.
    Refused,
    /// No connection for another reason.
    Connect,
    /// The server's certificate is not trusted, or what came back is no TLS.
    Tls,
    /// No answer in time.
    Timeout,
    /// The connection broke, or what came back is no HTTP.
    Broken,
    /// Never sent: too many were on their way.
    Overflow,
}

fn micros<N: TryFrom<u128> + From<u32>>(time: Duration) -> N {
    // No drill is as long as the 71 minutes that a `u32` holds between two ends of one request.
    N::try_from(time.as_micros()).unwrap_or_else(|_| u32::MAX.into())
}

impl Request {
    /// A request that was meant to leave, left and ended at these times.
    #[must_use]
    pub fn new(intended: Duration, sent: Duration, ended: Duration, outcome: Outcome) -> Self {
        Self {
            intended_us: micros(intended),
            late_us: micros(sent.saturating_sub(intended)),
            latency_us: micros(ended.saturating_sub(intended)),
            outcome,
            region: None,
            address: None,
        }
    }

    /// A request that was never sent.
    #[must_use]
    pub fn overflow(intended: Duration, now: Duration) -> Self {
        Self::new(intended, now, now, Outcome::Failed(Failure::Overflow))
    }

    /// When it was meant to be sent.
    #[must_use]
    pub fn intended(&self) -> Duration {
        Duration::from_micros(self.intended_us)
    }

    /// How much later it was sent.
    #[must_use]
    pub fn late(&self) -> Duration {
        Duration::from_micros(self.late_us.into())
    }

    /// From the time it was meant to be sent to its end, so that a stall counts.
    #[must_use]
    pub fn latency(&self) -> Duration {
        Duration::from_micros(self.latency_us.into())
    }
}

impl Records {
    /// Adds a request with the region that answered and the address used.
    pub fn push(&mut self, mut request: Request, region: Option<&str>, address: Option<IpAddr>) {
        request.region = region.and_then(|name| {
            let known = self.regions.iter().position(|known| known.as_str() == name);
            place(known, &mut self.regions, || name.parse().ok())
        });
        request.address = address.and_then(|address| {
            let known = self.addresses.iter().position(|known| *known == address);
            place(known, &mut self.addresses, || Some(address))
        });
        self.requests.push(request);
    }

    /// The region that answered a request.
    #[must_use]
    pub fn region(&self, request: &Request) -> Option<&RegionName> {
        self.regions.get(usize::from(request.region?))
    }

    /// The address that a request went to.
    #[must_use]
    pub fn address(&self, request: &Request) -> Option<IpAddr> {
        self.addresses.get(usize::from(request.address?)).copied()
    }

    /// How late requests were sent: 99 of 100 no later than this.
    #[must_use]
    pub fn lateness_p99(&self) -> Option<Duration> {
        let late = histogram(self.requests.iter().map(Request::late));
        (!late.is_empty()).then(|| Duration::from_micros(late.value_at_quantile(0.99)))
    }
}

/// An hour, in microseconds: no request is on its way for longer.
const LONGEST_US: u64 = 3_600_000_000;

/// Times in microseconds, to three digits.
#[must_use]
pub fn histogram(times: impl Iterator<Item = Duration>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are in order");
    times.for_each(|time| histogram.saturating_record(micros::<u64>(time)));
    histogram
}

/// The place of something in a list of at most 255, added if it is new.
fn place<T>(known: Option<usize>, list: &mut Vec<T>, new: impl FnOnce() -> Option<T>) -> Option<u8> {
    if let Some(known) = known {
        return u8::try_from(known).ok();
    }
    let place = u8::try_from(list.len()).ok()?;
    list.push(new()?);
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_small() {
        assert!(size_of::<Request>() <= 32, "{} bytes", size_of::<Request>());
    }

    #[test]
    fn a_stall_counts_from_the_intended_time() {
        let request = Request::new(
            Duration::from_millis(100),
            Duration::from_millis(140),
            Duration::from_millis(350),
            Outcome::Status(200),
        );
        assert_eq!(request.late(), Duration::from_millis(40));
        assert_eq!(request.latency(), Duration::from_millis(250));
    }

    #[test]
    fn lateness_is_the_worst_but_one_of_a_hundred() {
        let mut records = Records::default();
        assert_eq!(records.lateness_p99(), None);
        for millis in 1..=100 {
            let late = Duration::from_millis(millis);
            records.push(Request::new(Duration::ZERO, late, late, Outcome::Status(200)), None, None);
        }
        let p99 = records.lateness_p99().unwrap().as_secs_f64();
        assert!((p99 - 0.099).abs() < 0.0002, "{p99}");
    }

    #[test]
    fn who_answered_and_where_are_kept() {
        let mut records = Records::default();
        let ended = Duration::from_millis(1);
        let request = Request::new(ended, ended, ended, Outcome::Status(200));
        for (region, address) in [("a", [127, 0, 1, 1]), ("b", [127, 0, 2, 1]), ("a", [127, 0, 1, 1])] {
            records.push(request, Some(region), Some(IpAddr::from(address)));
        }
        records.push(request, None, None);
        let seen: Vec<_> = records
            .requests
            .iter()
            .map(|r| (records.region(r).map(RegionName::as_str), records.address(r).map(|a| a.to_string())))
            .collect();
        let a = (Some("a"), Some("127.0.1.1".to_owned()));
        assert_eq!(seen, [a.clone(), (Some("b"), Some("127.0.2.1".to_owned())), a, (None, None)]);
    }
}
