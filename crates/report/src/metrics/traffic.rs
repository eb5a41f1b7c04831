//! What the clients' records say about a time.

use domain::RegionName;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{WINDOW_S, to_millis};
use crate::{
    Series,
    records::{Failure, Outcome, Records, histogram},
};

/// A bucket of availability is good from this share of successes on.
const GOOD: f64 = 0.99;

/// A time from a moment up to, and without, another; unscaled seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Span {
    pub(super) fn holds(self, t: f64) -> bool {
        self.from <= t && t < self.to
    }
}

/// Latency before, during and after a fault, in unscaled milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// Since the fault before it, if any, was cleared.
    pub before: Percentiles,
    /// Until it was cleared.
    pub during: Percentiles,
    /// Until the next fault, if any.
    pub after: Percentiles,
}

/// Of all requests of a time that were answered or timed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// 95 of 100.
    pub p95: Option<f64>,
    /// 99 of 100.
    pub p99: Option<f64>,
}

/// A request in unscaled seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    t: f64,
    pub(super) success: bool,
    pub(super) region: Option<&'a RegionName>,
    /// What a client waited for an answer, or in vain.
    waited: Option<Duration>,
}

/// The requests by the times at which they were meant to be sent.
#[derive(Debug)]
pub(super) struct Traffic<'a> {
    sent: Vec<Sent<'a>>,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(records: &'a Records, speed: f64) -> Self {
        let mut sent: Vec<_> = records
            .requests
            .iter()
            .map(|request| Sent {
                t: request.intended().as_secs_f64() * speed,
                success: request.outcome.is_success(),
                region: records.region(request),
                waited: matches!(request.outcome, Outcome::Status(_) | Outcome::Failed(Failure::Timeout))
                    .then(|| request.latency().mul_f64(speed)),
            })
            .collect();
        sent.sort_by(|one, other| one.t.total_cmp(&other.t));
        Self { sent }
    }

    fn within(&self, span: Span) -> &[Sent<'a>] {
        let from = self.sent.partition_point(|sent| sent.t < span.from);
        let to = self.sent.partition_point(|sent| sent.t < span.to).max(from);
        &self.sent[from..to]
    }

    pub(super) fn success_rate(&self, span: Span) -> Option<f64> {
        share(self.within(span), |sent| sent.success)
    }

    /// 2xx a second from the beginning to the end of the load.
    pub(super) fn throughput(&self, ended: f64) -> Option<f64> {
        let answered = self.sent.iter().filter(|sent| sent.success).count();
        (ended > 0.0 && !self.sent.is_empty()).then(|| to_millis(answered as f64 / ended))
    }

    /// Seconds in which nothing was sent say nothing.
    pub(super) fn availability(&self) -> Option<f64> {
        let mut buckets = BTreeMap::<u64, (u32, u32)>::new();
        for sent in &self.sent {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds since the start")]
            let (good, all) = buckets.entry(sent.t as u64).or_default();
            *good += u32::from(sent.success);
            *all += 1;
        }
        let buckets: Vec<_> = buckets.into_values().collect();
        share(&buckets, |(good, all)| f64::from(*good) >= GOOD * f64::from(*all))
    }

    pub(super) fn latency(&self, span: Span) -> Percentiles {
        let waited = histogram(self.within(span).iter().filter_map(|sent| sent.waited));
        if waited.is_empty() {
            return Percentiles::default();
        }
        let at = |quantile| Some(waited.value_at_quantile(quantile) as f64 / 1e3);
        Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }

    /// A value a second, up to the last whole one.
    pub(super) fn series(&self, ended: f64) -> Series {
        let mut series = Series::default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a drill")]
        let seconds = ended.floor() as u32;
        let regions: BTreeSet<_> = self.sent.iter().filter_map(|sent| sent.region).collect();
        for second in 0..seconds {
            let span = Span { from: f64::from(second), to: f64::from(second + 1) };
            let sent = self.within(span);
            series.requests.push(count(sent.iter()));
            series.succeeded.push(count(sent.iter().filter(|sent| sent.success)));
            let Percentiles { p50, p95, p99 } = self.latency(span);
            series.p50_ms.push(p50);
            series.p95_ms.push(p95);
            series.p99_ms.push(p99);
            for region in &regions {
                let reached = count(sent.iter().filter(|sent| sent.region == Some(region)));
                series.reached.entry((*region).clone()).or_default().push(reached);
            }
        }
        series
    }

    /// The start of the first window of 10 s, not before `from` and over by `ended`, in which at least
    /// `least` of the requests are `good`. A window starts at `from` or at a request.
    pub(super) fn first_window(
        &self,
        from: f64,
        ended: f64,
        least: f64,
        good: impl Fn(&Sent<'a>) -> bool,
    ) -> Option<f64> {
        let sent = self.within(Span { from, to: ended });
        let mut goods = 0;
        let mut end = 0;
        for (start, first) in sent.iter().enumerate() {
            let begins = if start == 0 { from } else { first.t };
            if begins + WINDOW_S > ended {
                return None;
            }
            while let Some(next) = sent.get(end).filter(|next| next.t < begins + WINDOW_S) {
                goods += usize::from(good(next));
                end += 1;
            }
            // Of none, none is good: a window holds at least its first request, unless that is yet to come.
            if end > start && goods as f64 >= least * (end - start) as f64 {
                return Some(begins);
            }
            goods -= usize::from(end > start && good(first));
            end = end.max(start + 1);
        }
        None
    }
}

fn count(of: impl Iterator) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
}

fn share<T>(of: &[T], good: impl Fn(&T) -> bool) -> Option<f64> {
    let goods = of.iter().filter(|one| good(one)).count();
    (!of.is_empty()).then(|| goods as f64 / of.len() as f64)
}
