//! The figures that a page and a pull request show, and how they are written.

use super::{Comparison, Controller, Expectation, Report, Series};

/// Why the data lost in an outage is never measured.
const NO_DATA: &str = "the regions of a lab keep no data that could be lost";

/// Who moved the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Pointsman,
    Native,
    Threshold,
    Nobody,
}

impl Who {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pointsman => "Pointsman",
            Self::Native => "Route 53 alone",
            Self::Threshold => "Single prober",
            Self::Nobody => "No failover",
        }
    }

    /// What it is, after its name.
    pub(crate) const fn is(self) -> &'static str {
        match self {
            Self::Pointsman => "observers, a quorum, and Route 53's checks beneath",
            Self::Native => "its own fast health checks, 10 s × 3, nothing of ours",
            Self::Threshold => "one prober, 3 failures in a row at 30 s, then the record is changed",
            Self::Nobody => "the preferred region's address, whatever happens",
        }
    }
}

impl Comparison {
    /// Those that ran, ours first.
    pub(crate) fn all(&self) -> Vec<(Who, &Controller)> {
        let others = [(Who::Native, &self.native), (Who::Threshold, &self.threshold), (Who::Nobody, &self.no_failover)];
        std::iter::once((Who::Pointsman, &self.pointsman))
            .chain(others.into_iter().filter_map(|(who, ran)| Some((who, ran.as_ref()?))))
            .collect()
    }
}

impl Series {
    /// Requests that were not answered with 2xx; none if none was meant to be sent.
    pub(crate) fn failed(&self) -> Option<u64> {
        let sum = |of: &[u32]| of.iter().copied().map(u64::from).sum::<u64>();
        let (sent, succeeded) = (sum(&self.requests), sum(&self.succeeded));
        (sent > 0).then(|| sent.saturating_sub(succeeded))
    }
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Share,
    Count,
}

impl Unit {
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            Self::Seconds => seconds(value),
            Self::Share => percent(value),
            Self::Count => count(value),
        }
    }
}

/// A figure that every controller has, or has a reason not to have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) label: &'static str,
    /// Its name in `report.json`.
    pub(crate) metric: &'static str,
    /// From when to when.
    pub(crate) meaning: &'static str,
    pub(crate) unit: Unit,
    value: fn(&Controller) -> Option<f64>,
}

impl Figure {
    pub(crate) fn of(&self, controller: &Controller) -> Option<f64> {
        (self.value)(controller)
    }

    pub(crate) fn written(&self, controller: &Controller) -> Option<String> {
        self.of(controller).map(|value| self.unit.write(value))
    }

    /// Why a controller has none.
    pub(crate) fn missing<'a>(&self, controller: &'a Controller) -> &'a str {
        controller.unmeasured.get(self.metric).map_or("no reason is known", String::as_str)
    }

    /// Of some values the best; none where all are the same.
    pub(crate) fn best(&self, values: &[Option<f64>]) -> Option<f64> {
        let measured = || values.iter().copied().flatten();
        let (least, most) = (measured().reduce(f64::min)?, measured().reduce(f64::max)?);
        let best = if self.unit == Unit::Share { most } else { least };
        let differ = self.unit.write(least) != self.unit.write(most) || values.iter().any(Option::is_none);
        (differ && values.len() > 1).then_some(best)
    }

    /// What the scenario demands of it.
    pub(crate) fn expectation<'a>(&self, report: &'a Report) -> Option<(&'a str, &'a Expectation)> {
        report.expectations.iter().find_map(|expectation| {
            let demanded = expectation.text.strip_prefix(self.metric)?.strip_prefix(' ')?;
            Some((demanded, expectation))
        })
    }
}

macro_rules! figure {
    ($name:ident, $label:literal, $metric:literal, $meaning:literal, $unit:ident, $value:expr) => {
        pub(crate) const $name: Figure =
            Figure { label: $label, metric: $metric, meaning: $meaning, unit: Unit::$unit, value: $value };
    };
}

figure!(DETECTION, "Detection", "detection_s", "fault to quorum", Seconds, |of| of.metrics.detection_s);
figure!(DECISION, "Decision", "decision_s", "fault to plan taken", Seconds, |of| of.metrics.decision_s);
figure!(ANSWER, "Answer", "answer_s", "fault to DNS answer changed", Seconds, |of| of.metrics.answer_s);
figure!(FAILOVER, "Clients moved", "failover_s", "fault to 95 % at the target", Seconds, |of| of.metrics.failover_s);
figure!(MTTR, "Recovery (MTTR)", "mttr_s", "fault to success as before", Seconds, |of| of.metrics.mttr_s);
figure!(AVAILABILITY, "Availability", "availability", "seconds with 99 % success", Share, |of| {
    of.metrics.availability
});
figure!(FAILED, "Failed requests", "requests", "of all that were meant to be sent", Count, |of| {
    of.series.failed().map(|failed| failed as f64)
});
figure!(FALSE_FAILOVERS, "False failovers", "false_failovers", "away from a sound region", Count, |of| {
    Some(f64::from(of.metrics.false_failovers))
});
figure!(FAILBACK, "Failback", "failback_s", "fault cleared to 95 % back", Seconds, |of| of.metrics.failback_s);

/// What controllers are held against each other by, in order.
pub(crate) const COMPARED: [Figure; 9] =
    [DETECTION, DECISION, ANSWER, FAILOVER, MTTR, AVAILABILITY, FAILED, FALSE_FAILOVERS, FAILBACK];

/// A headline figure against its target.
#[derive(Debug)]
pub(crate) struct Headline {
    pub(crate) label: &'static str,
    pub(crate) meaning: &'static str,
    /// Or why there is none.
    pub(crate) value: Result<String, String>,
    pub(crate) target: Option<Target>,
}

/// What a figure should be.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) text: String,
    /// None: it can't be told.
    pub(crate) met: Option<bool>,
}

/// The headline figures, in order.
pub(crate) fn headlines(report: &Report) -> Vec<Headline> {
    let ours = &report.comparison.pointsman;
    let headline = |figure: &Figure| Headline {
        label: figure.label,
        meaning: figure.meaning,
        value: figure.written(ours).ok_or_else(|| figure.missing(ours).to_owned()),
        target: figure
            .expectation(report)
            .map(|(demanded, expectation)| Target { text: in_unit(demanded, figure.unit), met: Some(expectation.met) }),
    };
    let rto = report.objectives.rto_s.map(|rto| Target {
        text: format!("RTO {}", seconds(rto)),
        met: Some(ours.metrics.mttr_s.is_some_and(|mttr| mttr <= rto)),
    });
    let rpo = Headline {
        label: "Data lost (RPO)",
        meaning: "how far back",
        value: Err(report.unmeasured.get("rpo_s").map_or(NO_DATA, String::as_str).to_owned()),
        target: report.objectives.rpo_s.map(|rpo| Target { text: format!("RPO {}", seconds(rpo)), met: None }),
    };
    let mttr = headline(&MTTR);
    vec![
        Headline { target: rto.or(mttr.target), ..mttr },
        rpo,
        headline(&FAILOVER),
        headline(&AVAILABILITY),
        headline(&FAILED),
        headline(&FALSE_FAILOVERS),
    ]
}

/// `at most 38` of a figure's own unit.
fn in_unit(demanded: &str, unit: Unit) -> String {
    let words = demanded.split(' ').map(|word| word.parse().map_or(word.to_owned(), |value| unit.write(value)));
    words.collect::<Vec<_>>().join(" ")
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Met,
    NotMet,
    Interrupted,
}

impl Ending {
    pub(crate) fn of(report: &Report) -> Self {
        match (report.partial, report.met()) {
            (true, _) => Self::Interrupted,
            (false, true) => Self::Met,
            (false, false) => Self::NotMet,
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Met => "Expectations met",
            Self::NotMet => "Expectations NOT met",
            Self::Interrupted => "Partial: it was interrupted",
        }
    }
}

/// `12 of 13 expectations met`.
pub(crate) fn tally(report: &Report) -> String {
    let met = report.expectations.iter().filter(|expectation| expectation.met).count();
    format!("{met} of {} expectations met", report.expectations.len())
}

const SPACE: char = '\u{a0}';

pub(crate) fn seconds(of: f64) -> String {
    format!("{of:.1}{SPACE}s")
}

pub(crate) fn millis(of: f64) -> String {
    if of < 100.0 { format!("{of:.1}{SPACE}ms") } else { format!("{}{SPACE}ms", count(of)) }
}

pub(crate) fn percent(of: f64) -> String {
    format!("{:.2}{SPACE}%", of * 100.0)
}

/// Rounded, with separators.
pub(crate) fn count(of: f64) -> String {
    let digits = format!("{:.0}", of.abs());
    let mut text = if of < 0.0 { "−".to_owned() } else { String::new() };
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 regions`.
pub(crate) fn plural(of: usize, what: &str) -> String {
    format!("{of} {what}{}", if of == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!((count(0.0), count(999.6), count(1_234_567.0)), ("0".into(), "1,000".into(), "1,234,567".into()));
        assert_eq!((millis(41.26), millis(1_999.9)), ("41.3\u{a0}ms".into(), "2,000\u{a0}ms".into()));
        assert_eq!(in_unit("at least 0.65", Unit::Share), "at least 65.00\u{a0}%");
        assert_eq!(in_unit("from 1 to 38", Unit::Seconds), "from 1.0\u{a0}s to 38.0\u{a0}s");
    }

    #[test]
    fn the_best_is_least_time_and_most_availability() {
        assert_eq!(ANSWER.best(&[Some(3.0), None, Some(9.0)]), Some(3.0));
        assert_eq!(AVAILABILITY.best(&[Some(0.5), Some(0.9)]), Some(0.9));
        assert_eq!(FALSE_FAILOVERS.best(&[Some(0.0), Some(0.0)]), None, "all are the same");
        assert_eq!(ANSWER.best(&[None, None]), None);
        assert_eq!(ANSWER.best(&[Some(3.0)]), None, "there is nobody to compare with");
    }
}
