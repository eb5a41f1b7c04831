//! From samples to a report: the share that may fail, the median, the limits. Pure.

use std::{cmp::Reverse, collections::BTreeMap};

use domain::{Fault, Limits, Period, Phases, Probe, ProbeKind, ProbeReport, ProbeStatus, Seen, Share};

use crate::trace::{Failure, Sample};

/// Judges the samples of one probe of one region; there is at least one.
pub(crate) fn report(probe: &Probe, samples: &[Sample]) -> ProbeReport {
    let may_fail = match &probe.kind {
        ProbeKind::Http(http) => http.max_failed,
        ProbeKind::Tcp { .. } | ProbeKind::Dns { .. } => Share::NONE,
    };
    let failures: Vec<_> = samples.iter().filter_map(|sample| sample.result.as_ref().err()).collect();
    let others = failures.iter().filter(|failure| !failure.fault.is_own()).count();
    let median = median(samples);
    let told = Seen { failed: others as f64 / samples.len() as f64, ..median.seen.clone() };
    let count = (samples.len() > 1).then(|| format!("{} of {} failed: ", failures.len(), samples.len()));
    let prefix = count.unwrap_or_default();

    if let Some(failure) = decisive(&failures, samples.len(), may_fail) {
        return ProbeReport {
            probe: probe.name.clone(),
            status: ProbeStatus::Failed,
            fault: Some(failure.fault),
            phases_ms: median.phases,
            evidence: format!("{prefix}{}", failure.evidence),
            seen: told,
        };
    }
    let prefix = if failures.is_empty() { "" } else { &prefix };
    let seen = match most_frequent(failures.iter().copied()) {
        Some(failure) => &failure.evidence,
        None => median.result.as_ref().unwrap_or_else(|failure| &failure.evidence),
    };
    let slow = above(&probe.degraded_above, &median.phases);
    ProbeReport {
        probe: probe.name.clone(),
        status: if slow.is_empty() { ProbeStatus::Ok } else { ProbeStatus::Degraded },
        fault: None,
        phases_ms: median.phases,
        evidence: format!("{prefix}{seen}{slow}"),
        seen: told,
    }
}

/// The failure that fails the probe, if too many samples failed. The observer's own failures
/// decide only when the others alone are few enough: they must not hide a region that is down.
fn decisive<'a>(failures: &[&'a Failure], samples: usize, may_fail: Share) -> Option<&'a Failure> {
    let too_many = |failed: usize| failed as f64 / samples as f64 > may_fail.get();
    let (own, others): (Vec<_>, Vec<_>) = failures.iter().copied().partition(|failure| failure.fault.is_own());
    if too_many(others.len()) {
        most_frequent(others.into_iter())
    } else if too_many(failures.len()) {
        most_frequent(own.into_iter())
    } else {
        None
    }
}

/// The first failure with the most frequent fault.
fn most_frequent<'a>(failures: impl Iterator<Item = &'a Failure>) -> Option<&'a Failure> {
    let mut faults: BTreeMap<Fault, (usize, &Failure)> = BTreeMap::new();
    for failure in failures {
        faults.entry(failure.fault).or_insert((0, failure)).0 += 1;
    }
    faults.into_iter().min_by_key(|(fault, (count, _))| (Reverse(*count), *fault)).map(|(_, (_, failure))| failure)
}

/// The sample with the median total among the good ones, or of the bad ones if none is good.
fn median(samples: &[Sample]) -> &Sample {
    let good: Vec<_> = samples.iter().filter(|sample| sample.result.is_ok()).collect();
    let mut of = if good.is_empty() { samples.iter().collect() } else { good };
    let middle = (of.len() - 1) / 2;
    let total = |sample: &Sample| sample.phases.total.unwrap_or(f64::INFINITY);
    of.select_nth_unstable_by(middle, |one, other| total(one).total_cmp(&total(other))).1
}

/// The phases above their limit, as text that follows what was seen.
fn above(limits: &Limits, phases: &Phases) -> String {
    let times = [phases.dns, phases.connect, phases.tls, phases.first_byte, phases.total];
    limits.by_phase().into_iter().zip(times).fold(String::new(), |text, ((phase, limit), time)| match (limit, time) {
        (Some(Period(limit)), Some(time)) if time > Phases::millis(limit) => {
            format!("{text}; {phase} {time} ms, above {}", Period(limit))
        }
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use domain::{HttpProbe, Scheme};

    use super::*;

    fn probe(max_failed: f64, degraded_above: Limits) -> Probe {
        let http = HttpProbe {
            scheme: Scheme::Http,
            port: 80,
            path: "/".to_owned(),
            host: "api.example.com".parse().unwrap(),
            expect_status: vec![200],
            expect_body: None,
            samples: 10,
            max_failed: Share::try_from(max_failed).unwrap(),
        };
        Probe { name: "deep".parse().unwrap(), kind: ProbeKind::Http(http), degraded_above }
    }

    fn good(total: f64) -> Sample {
        let phases = Phases { total: Some(total), first_byte: Some(total / 2.0), ..Phases::default() };
        Sample { phases, result: Ok("HTTP 200".to_owned()), seen: Seen { body: Some(2), ..Seen::default() } }
    }

    fn bad(fault: Fault, evidence: &str) -> Sample {
        let phases = Phases { total: Some(1.0), ..Phases::default() };
        Sample { phases, result: Err(Failure::new(fault, evidence)), seen: Seen::default() }
    }

    #[test]
    fn a_share_may_fail_and_the_most_frequent_fault_is_named() {
        let mut samples = vec![good(30.0), good(10.0), good(20.0), bad(Fault::HttpTimeout, "no answer")];
        let tolerated = report(&probe(0.25, Limits::default()), &samples);
        assert_eq!((tolerated.status, tolerated.fault), (ProbeStatus::Ok, None));
        assert_eq!(tolerated.phases_ms.total, Some(20.0), "the median of the good ones");
        assert_eq!(tolerated.evidence, "1 of 4 failed: no answer");
        assert_eq!((tolerated.seen.failed, tolerated.seen.body), (0.25, Some(2)));

        samples.extend([bad(Fault::HttpStatus, "HTTP 503"), bad(Fault::HttpStatus, "HTTP 500")]);
        let failed = report(&probe(0.25, Limits::default()), &samples);
        assert_eq!((failed.status, failed.fault), (ProbeStatus::Failed, Some(Fault::HttpStatus)));
        assert_eq!(failed.evidence, "3 of 6 failed: HTTP 503");
    }

    #[test]
    fn own_failures_decide_only_when_the_others_are_few() {
        let own = || bad(Fault::Observer, "no descriptors");
        let few = [good(1.0), good(1.0), good(1.0), bad(Fault::HttpStatus, "HTTP 503"), own(), own()];
        assert_eq!(report(&probe(0.2, Limits::default()), &few).fault, Some(Fault::Observer));
        let many = [good(1.0), bad(Fault::HttpStatus, "HTTP 503"), own(), own()];
        assert_eq!(report(&probe(0.2, Limits::default()), &many).fault, Some(Fault::HttpStatus));
    }

    #[test]
    fn without_a_good_sample_the_median_is_of_the_bad_ones() {
        let all_bad = report(&probe(0.5, Limits::default()), &[bad(Fault::Tls, "expired"), bad(Fault::Tls, "expired")]);
        assert_eq!((all_bad.fault, all_bad.phases_ms.total), (Some(Fault::Tls), Some(1.0)));
        assert_eq!(all_bad.evidence, "2 of 2 failed: expired");
    }

    #[test]
    fn a_phase_above_its_limit_degrades_and_is_named() {
        let limits =
            Limits { first_byte: Some(Period::millis(100)), total: Some(Period::seconds(1)), ..Limits::default() };
        assert_eq!(
            report(&probe(0.0, limits.clone()), &[good(200.0)]).status,
            ProbeStatus::Ok,
            "the limit itself is no breach"
        );
        let slow = report(&probe(0.0, limits), &[good(240.0)]);
        assert_eq!((slow.status, slow.fault), (ProbeStatus::Degraded, None));
        assert_eq!(slow.evidence, "HTTP 200; first_byte 120 ms, above 100ms");
    }
}
