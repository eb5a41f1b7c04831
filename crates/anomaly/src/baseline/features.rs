//! What is looked at of a round.
//!
//! All probes of a region together; each value a whole number of thousandths in 16 bits, so that long histories are small:
//!
//! | column | unit and transform | also |
//! | --- | --- | --- |
//! | five phases | ln(1 + ms), mean of the probes that came so far | level (median) and deviation of 6 rounds; that level from the one of 60 usual rounds; the value from this hour's median |
//! | errors of four classes | share of requests | mean of 6 rounds |
//! | answer set | share of probes whose name has other addresses than last | |
//! | TTL | ln(1 + s), the least | change since the round before |
//! | certificate | whole days left, 21 at most: more says nothing | |
//! | body | ln(1 + bytes), mean | |

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
};

use domain::{Fault, Phases, ProbeName, ProbeReport, ProbeStatus, Sign};
use jiff::Timestamp;

/// Of a round, as measured.
pub(super) const COLUMNS: usize = 13;
pub(super) const TIMES: usize = 5;
const ERRORS: usize = 4;
const ANSWERS: usize = TIMES + ERRORS;
const TTL: usize = ANSWERS + 1;
const CERTIFICATE: usize = TTL + 1;
const BODY: usize = CERTIFICATE + 1;

/// A moment's stored features: four a phase, two a class of errors, one of the answer set, two of the TTL, one of each other.
pub(super) const STORED: usize = 4 * TIMES + 2 * ERRORS + 5;
/// Those a forest sees: the phases' distances from the hour's medians come last.
pub(super) const FEATURES: usize = STORED + TIMES;

/// Of each phase two.
pub(super) const LEVELS: usize = 2 * TIMES;

pub(super) const MISSING: i16 = i16::MIN;
const SHORT: usize = 6;
pub(super) const LONG: usize = 60;
const ENOUGH_DAYS: f64 = 21.0;

/// A round, in thousandths.
pub(super) type Row = [i16; COLUMNS];

/// What each probe's name resolved to last.
pub(super) type Addresses = BTreeMap<ProbeName, BTreeSet<IpAddr>>;

/// The rounds before: all of the last few, and more of the usual ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Recent {
    short: VecDeque<Row>,
    pub(super) long: VecDeque<Row>,
}

/// A round with what rolls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// Since 1970.
    pub(super) second: u32,
    pub(super) values: [i16; STORED],
}

/// The columns of a round; none where nothing but the observer failed.
pub(super) fn row(at: Timestamp, reports: &[ProbeReport], addresses: &mut Addresses) -> Option<Row> {
    let reports: Vec<_> = reports.iter().filter(|report| !report.fault.is_some_and(Fault::is_own)).collect();
    if reports.is_empty() {
        return None;
    }
    let mut row = [MISSING; COLUMNS];
    for (column, phase) in phases().into_iter().enumerate() {
        let times = reports.iter().filter_map(|report| phase(&report.phases_ms));
        row[column] = thousandths(mean(times.map(libm::log1p)));
    }
    let count = reports.len() as f64;
    let mut errors = [0.0; ERRORS];
    for report in &reports {
        errors[class(report.fault)] += failed(report) / count;
    }
    row[TIMES..ANSWERS].copy_from_slice(&errors.map(thousandths));
    let changes = reports.iter().filter_map(|report| changed(report, addresses));
    row[ANSWERS] = thousandths(mean(changes.map(|changed| f64::from(u8::from(changed)))));
    let ttl = reports.iter().filter_map(|report| report.seen.ttl).min();
    row[TTL] = thousandths(ttl.map_or(f64::NAN, |ttl| libm::log1p(f64::from(ttl))));
    let until = reports.iter().filter_map(|report| report.seen.certificate_until).min();
    let days = until.map_or(f64::NAN, |until| ((until - at.as_second()) as f64 / 86_400.0).floor());
    row[CERTIFICATE] = thousandths(if days > ENOUGH_DAYS { ENOUGH_DAYS } else { days });
    let bodies = reports.iter().filter_map(|report| report.seen.body);
    row[BODY] = thousandths(mean(bodies.map(|bytes| libm::log1p(bytes as f64))));
    Some(row)
}

fn phases() -> [fn(&Phases) -> Option<f64>; TIMES] {
    [|it| it.dns, |it| it.connect, |it| it.tls, |it| it.first_byte, |it| it.total]
}

fn class(fault: Option<Fault>) -> usize {
    match fault {
        Some(Fault::DnsNxdomain | Fault::DnsEmpty | Fault::DnsServfail | Fault::DnsRefused | Fault::DnsTimeout) => 0,
        Some(Fault::ConnectRefused | Fault::ConnectTimeout | Fault::ConnectFailed) => 1,
        Some(Fault::Tls | Fault::TlsTimeout) => 2,
        // Samples that a share of may fail say only that they did.
        _ => 3,
    }
}

fn failed(report: &ProbeReport) -> f64 {
    if report.status == ProbeStatus::Failed && report.seen.failed == 0.0 { 1.0 } else { report.seen.failed }
}

fn changed(report: &ProbeReport, addresses: &mut Addresses) -> Option<bool> {
    let now = &report.seen.addresses;
    if now.is_empty() {
        return None;
    }
    match addresses.get_mut(&report.probe) {
        Some(before) if before == now => Some(false),
        Some(before) => {
            before.clone_from(now);
            Some(true)
        }
        None => {
            addresses.insert(report.probe.clone(), now.clone());
            Some(false)
        }
    }
}

/// Missing where there are none.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    sum / count
}

fn thousandths(value: f64) -> i16 {
    if value.is_nan() {
        return MISSING;
    }
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what fits")]
    let whole = libm::rint(value * 1e3).clamp(-32_767.0, 32_767.0) as i16;
    whole
}

fn wide(value: i16) -> f64 {
    if value == MISSING { f64::NAN } else { f64::from(value) / 1e3 }
}

impl Recent {
    /// A round with its features.
    pub(super) fn moment(&mut self, at: Timestamp, row: &Row) -> Moment {
        push(&mut self.short, *row, SHORT);
        let mut values = Vec::with_capacity(STORED);
        for (column, value) in row.iter().enumerate().take(TIMES) {
            let level = level_of(&self.short, column);
            let deviation =
                libm::sqrt(mean(column_of(&self.short, column).map(|time| (time - level) * (time - level))));
            values.extend([*value, thousandths(level)]);
            values.extend([thousandths(level - level_of(&self.long, column)), thousandths(deviation)]);
        }
        for (column, value) in row.iter().enumerate().take(ANSWERS).skip(TIMES) {
            values.extend([*value, thousandths(mean(column_of(&self.short, column)))]);
        }
        let before = self.short.iter().rev().nth(1).map_or(f64::NAN, |before| wide(before[TTL]));
        values.extend([row[ANSWERS], row[TTL], thousandths(wide(row[TTL]) - before)]);
        values.extend([row[CERTIFICATE], row[BODY]]);
        let second = u32::try_from(at.as_second()).unwrap_or_default();
        Moment { second, values: values.try_into().expect("every feature is written once") }
    }

    /// Takes a usual round in.
    pub(super) fn learn(&mut self, row: Row) {
        push(&mut self.long, row, LONG);
    }
}

fn push(window: &mut VecDeque<Row>, row: Row, most: usize) {
    if window.len() == most {
        window.pop_front();
    }
    window.push_back(row);
}

fn column_of(window: &VecDeque<Row>, column: usize) -> impl Iterator<Item = f64> {
    window.iter().map(move |row| wide(row[column])).filter(|value| !value.is_nan())
}

/// The median, of an even number the lower: slow rounds do not move it unless they are more than half.
fn level_of(window: &VecDeque<Row>, column: usize) -> f64 {
    let mut values: Vec<_> = column_of(window, column).collect();
    let middle = values.len().saturating_sub(1) / 2;
    if values.is_empty() { f64::NAN } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

impl Moment {
    /// Of the day, UTC.
    pub(super) fn hour(&self) -> usize {
        usize::try_from(self.second % 86_400 / 3_600).expect("a day has 24 hours")
    }

    /// A phase's ln(1 + ms).
    pub(super) fn time(&self, phase: usize) -> f64 {
        wide(self.values[4 * phase])
    }

    /// What lasts: each phase's level, and its distance from the one of usual rounds. Missing ones are NaN.
    pub(super) fn levels(&self) -> [f64; LEVELS] {
        std::array::from_fn(|at| wide(self.values[4 * (at / 2) + 1 + at % 2]))
    }

    /// What a forest sees of it. A missing value is the usual one: it says nothing.
    pub(super) fn write(&self, usual: &[i16; STORED], by_hour: &[[f64; 24]; TIMES], into: &mut Vec<f32>) {
        let stored = self.values.iter().zip(usual).map(|(value, usual)| if *value == MISSING { usual } else { value });
        let from_hour = by_hour.iter().enumerate().map(|(phase, usual)| self.time(phase) - usual[self.hour()]);
        let from_hour = from_hour.map(|distance| if distance.is_nan() { 0.0 } else { distance });
        let all = stored.map(|value| f64::from(*value) / 1e3).chain(from_hour);
        #[expect(clippy::cast_possible_truncation, reason = "thousandths of small numbers")]
        into.extend(all.map(|value| value as f32));
    }

    /// How many times the usual a sign's value is, where it has a size.
    pub(super) fn times(&self, sign: Sign, usual: &[i16; STORED]) -> Option<f64> {
        let feature = match sign {
            Sign::DnsTime => 0,
            Sign::ConnectTime => 4,
            Sign::TlsTime => 8,
            Sign::FirstByteTime => 12,
            Sign::TotalTime => 16,
            Sign::Ttl => STORED - 4,
            Sign::Body => STORED - 1,
            _ => return None,
        };
        let times = libm::expm1(wide(self.values[feature])) / libm::expm1(wide(usual[feature]));
        times.is_finite().then_some(times)
    }
}

/// What a forest's feature is a sign of.
pub(super) fn sign(feature: usize) -> Sign {
    const PHASES: [Sign; TIMES] =
        [Sign::DnsTime, Sign::ConnectTime, Sign::TlsTime, Sign::FirstByteTime, Sign::TotalTime];
    const CLASSES: [Sign; ERRORS] = [Sign::DnsErrors, Sign::ConnectErrors, Sign::TlsErrors, Sign::HttpErrors];
    const REST: [Sign; 5] = [Sign::Answers, Sign::Ttl, Sign::Ttl, Sign::Certificate, Sign::Body];
    if feature >= STORED {
        return PHASES[feature - STORED];
    }
    match feature.checked_sub(4 * TIMES) {
        None => PHASES[feature / 4],
        Some(error) if error < 2 * ERRORS => CLASSES[error / 2],
        Some(rest) => REST[rest - 2 * ERRORS],
    }
}
