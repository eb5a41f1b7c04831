//! Whether a drill showed what its scenario expects.

use domain::RegionName;

use super::{Circumstances, Expectation};
use crate::{
    calls,
    metrics::{self, Evidence, Judgement, Measured},
    timeline::Event,
};
use scenario::{Bound, Moment, Must};

/// A fault is put on this much later than planned at most.
const SAME_MOMENT_S: f64 = 2.0;

pub(super) fn check(evidence: &Evidence<'_>, faults: &[Measured], circumstances: &Circumstances) -> Vec<Expectation> {
    let Some(first) = faults.first() else { return Vec::new() };
    let expect = &evidence.scenario.expect;
    let mut all = vec![steady(evidence)];
    for (truth, judgement) in evidence.scenario.truth.iter().zip(metrics::judge(evidence)) {
        all.push(truth_of(&truth.region, truth.must, judgement));
    }
    all.extend(faults.iter().filter_map(|fault| left(evidence, fault)));
    all.extend(moment(evidence, "when the first fault is cleared", &expect.during, first.lived.cleared));
    all.extend(moment(evidence, "at the end", &expect.after, Some(evidence.ended)));
    let holds = &circumstances.holds;
    let seen: Vec<_> = holds.iter().map(|code| code.as_str()).collect();
    for code in &expect.hold {
        all.push(Expectation {
            text: format!("holds because of {code}"),
            met: holds.contains(code),
            seen: if seen.is_empty() { "no reason to hold".to_owned() } else { seen.join(", ") },
        });
    }
    all.extend(expect.event.iter().map(|text| said(text, evidence.timeline)));
    let recovered = first.metrics.mttr_s.map_or(evidence.ended, |after| first.lived.injected + after);
    for forbidden in &expect.no_calls {
        all.push(calls::none_made(forbidden, &circumstances.calls, first.lived.injected, recovered));
    }
    for (name, bound, seen) in bounds(evidence, first) {
        all.extend(bounded(name, bound, seen, first));
    }
    all
}

fn steady(evidence: &Evidence<'_>) -> Expectation {
    let scenario = evidence.scenario;
    let (lasts, least) = (scenario.steady.lasts, scenario.steady.success_rate.get());
    let seen = metrics::success_rate(evidence.records, scenario.speed, 0.0, lasts.as_secs_f64());
    Expectation {
        text: format!("success rate of {least} or more in the steady {lasts} before"),
        met: seen.is_some_and(|seen| seen >= least),
        seen: seen.map_or("no request".to_owned(), number),
    }
}

fn truth_of(region: &RegionName, must: Must, judgement: Judgement) -> Expectation {
    let text = match must {
        Must::LeaveWithin(within) => format!("{region} is left within {within}"),
        Must::Stay => format!("{region} is not left"),
    };
    let (met, seen) = match judgement {
        Judgement::Stayed => (true, "not left".to_owned()),
        Judgement::LeftWrongly { times } => (false, format!("left {times} times")),
        Judgement::Left { after_s, in_time } => (in_time, format!("left after {}s", number(after_s))),
        Judgement::NotLeft => (false, "not left".to_owned()),
        Judgement::DidNotServe => (false, "another region served when its fault came".to_owned()),
        Judgement::NoFault => (false, "the drill ended before its fault".to_owned()),
    };
    Expectation { text, met, seen }
}

/// A fault that says so is left in time, be it the region's first or not.
fn left(evidence: &Evidence<'_>, fault: &Measured) -> Option<Expectation> {
    let injection = evidence.scenario.faults.iter().find(|it| {
        it.what == fault.lived.what && (it.begins.as_secs_f64() - fault.lived.injected).abs() < SAME_MOMENT_S
    })?;
    let within = injection.leave_within?;
    let after = fault.metrics.answer_s;
    Some(Expectation {
        text: format!("left within {within}: {}", fault.lived.what),
        met: after.is_some_and(|after| after <= within.as_secs_f64()),
        seen: after.map_or("not left".to_owned(), |after| format!("left after {}s", number(after))),
    })
}

fn moment(evidence: &Evidence<'_>, when: &str, wanted: &Moment, t: Option<f64>) -> Option<Expectation> {
    let wanted = wanted.active.as_ref()?;
    let active = t.map(|t| metrics::active_at(evidence.scenario, evidence.timeline, t));
    Some(Expectation {
        text: format!("{wanted} answers {when}"),
        met: active == Some(Some(wanted)),
        seen: match active {
            Some(Some(region)) => region.to_string(),
            Some(None) => "no region's address".to_owned(),
            None => "that moment did not come".to_owned(),
        },
    })
}

fn said(text: &str, timeline: &[Event]) -> Expectation {
    let at = timeline.iter().find(|event| event.detail.as_ref().is_some_and(|detail| detail.contains(text)));
    Expectation {
        text: format!("the timeline says: {text}"),
        met: at.is_some(),
        seen: at.map_or("not said".to_owned(), |event| format!("said at {}s", number(event.t))),
    }
}

fn bounds(evidence: &Evidence<'_>, first: &Measured) -> [(&'static str, Bound, Option<f64>); 11] {
    let (bounds, metrics) = (&evidence.scenario.expect.metrics, &first.metrics);
    [
        ("detection_s", bounds.detection_s, metrics.detection_s),
        ("decision_s", bounds.decision_s, metrics.decision_s),
        ("answer_s", bounds.answer_s, metrics.answer_s),
        ("failover_s", bounds.failover_s, metrics.failover_s),
        ("mttr_s", bounds.mttr_s, metrics.mttr_s),
        ("failback_s", bounds.failback_s, metrics.failback_s),
        ("success_rate", bounds.success_rate, metrics.success_rate),
        ("availability", bounds.availability, metrics.availability),
        ("false_failovers", bounds.false_failovers, Some(metrics.false_failovers.into())),
        ("missed", bounds.missed, Some(metrics.missed.into())),
        ("switches", bounds.switches, Some(metrics.switches.into())),
    ]
}

fn bounded(name: &str, bound: Bound, seen: Option<f64>, first: &Measured) -> Option<Expectation> {
    let text = match (bound.at_least, bound.at_most) {
        (None, None) => return None,
        (Some(least), None) => format!("{name} at least {least}"),
        (None, Some(most)) => format!("{name} at most {most}"),
        (Some(least), Some(most)) => format!("{name} from {least} to {most}"),
    };
    let within =
        |seen: f64| bound.at_least.is_none_or(|least| seen >= least) && bound.at_most.is_none_or(|most| seen <= most);
    let seen_text = seen.map_or_else(
        || format!("not measured: {}", first.unmeasured.get(name).map_or("no reason is known", String::as_str)),
        number,
    );
    Some(Expectation { text, met: seen.is_some_and(within), seen: seen_text })
}

/// Three decimals at most.
pub(super) fn number(of: f64) -> String {
    ((of * 1e3).round() / 1e3).to_string()
}
