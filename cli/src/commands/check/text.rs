//! What `check` tells people.

use std::fmt::Write as _;

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY,
};
use domain::{Answering, Fault, Phases, ProbeReport, ProbeStatus, RegionName, RegionView, Verdict};
use jiff::Timestamp;

use super::Look;

/// A phase's head and its time in milliseconds.
type Phase = (&'static str, fn(&Phases) -> Option<f64>);

const PHASES: [Phase; 5] = [
    ("dns", |phases| phases.dns),
    ("connect", |phases| phases.connect),
    ("tls", |phases| phases.tls),
    ("first byte", |phases| phases.first_byte),
    ("total ms", |phases| phases.total),
];

/// A table of each service: of every probe where one observer looked, of every verdict where several did.
pub(super) fn tables(looks: &[Look<'_>]) -> String {
    let mut text = String::new();
    for of_service in looks.chunk_by(|one, next| one.service.name == next.service.name) {
        text += &match of_service {
            [one] => probes(one),
            several => verdicts(several),
        };
    }
    text
}

/// Each probe with the phases that any of them had, then a line with what they amount to.
fn probes(look: &Look<'_>) -> String {
    let all: Vec<_> = reports(look).collect();
    let phases: Vec<_> = PHASES
        .into_iter()
        .filter(|(_, time)| all.iter().any(|(_, report)| time(&report.phases_ms).is_some()))
        .collect();
    let mut table = table();
    let times = phases.iter().map(|(name, _)| *name);
    table.set_header(["region", "probe", "status"].into_iter().chain(times).chain(["evidence"]));
    for (region, report) in all {
        let status = Cell::new(outcome(report)).fg(status_colour(report.status));
        let times = phases.iter().map(|(_, time)| {
            let millis = time(&report.phases_ms).map(|ms| format!("{ms:.1}"));
            Cell::new(millis.unwrap_or_default()).set_alignment(CellAlignment::Right)
        });
        let first = [Cell::new(region), Cell::new(&report.probe), status];
        table.add_row(first.into_iter().chain(times).chain([Cell::new(&report.evidence)]));
    }
    // Where it is narrow the evidence is folded, and nothing else.
    let whole = table.column_count().saturating_sub(1);
    table.column_iter_mut().take(whole).for_each(|column| {
        column.set_constraint(ColumnConstraint::ContentWidth);
    });
    format!("{}: {}\n{table}\n", look.service.name, summary(std::slice::from_ref(look)))
}

/// Each observer's verdict on each region, then what failed.
fn verdicts(looks: &[Look<'_>]) -> String {
    let Some(first) = looks.first() else { return String::new() };
    let mut table = table();
    let observers = looks.iter().map(|look| look.observer.to_string());
    table.set_header([String::new()].into_iter().chain(observers));
    for region in &first.service.regions {
        let words = looks.iter().map(|look| {
            let verdict = look.verdict(&region.name);
            Cell::new(verdict).fg(verdict_colour(verdict))
        });
        table.add_row([Cell::new(&region.name)].into_iter().chain(words));
    }
    let answering = looks
        .iter()
        .map(|look| Cell::new(look.seen.as_ref().map_or("unknown".to_owned(), |seen| points_at(&seen.answering))));
    table.add_row([Cell::new("DNS answers").add_attribute(Attribute::Dim)].into_iter().chain(answering));
    let mut text = format!("{}\n{table}\n", first.service.name);
    for look in looks {
        if let Err(why) = &look.seen {
            // A `String` takes whatever is written to it.
            let _ = writeln!(text, "{} could not look: {why}", look.observer);
        }
        for (region, report) in reports(look).filter(|(_, report)| report.status != ProbeStatus::Ok) {
            let _ = writeln!(text, "{region} for {}: {}", look.observer, described(report));
        }
    }
    text
}

/// What is another than in the round before, a line each; nothing where nothing is.
pub(super) fn changes(now: Timestamp, before: &[Look<'_>], looks: &[Look<'_>]) -> String {
    let several_services = looks.iter().any(|look| look.service.name != looks[0].service.name);
    let several_observers = looks.iter().any(|look| look.observer != looks[0].observer);
    let time = now.strftime("%H:%M:%S UTC");
    let mut text = String::new();
    for (before, look) in before.iter().zip(looks) {
        let service = if several_services { format!("{}: ", look.service.name) } else { String::new() };
        let observer = if several_observers { format!("{}: ", look.observer) } else { String::new() };
        for change in changed(before, look) {
            let _ = writeln!(text, "{time}  {service}{observer}{change}");
        }
    }
    text
}

fn changed(before: &Look<'_>, now: &Look<'_>) -> Vec<String> {
    match (&before.seen, &now.seen) {
        (Ok(before), Ok(now_seen)) => {
            let regions = now.service.regions.iter().filter_map(|region| {
                let view = now_seen.regions.get(&region.name)?;
                let was = before.regions.get(&region.name)?;
                (kinds(was) != kinds(view)).then(|| format!("{} is {}: {}", region.name, view.verdict, failures(view)))
            });
            let answer = (before.answering != now_seen.answering).then(|| {
                format!(
                    "DNS answers with {} instead of {}",
                    points_at(&now_seen.answering),
                    points_at(&before.answering)
                )
            });
            regions.chain(answer).collect()
        }
        (Ok(_), Err(why)) => vec![format!("could not look: {why}")],
        (Err(_), Ok(_)) => vec![format!("looks again: {}", summary(std::slice::from_ref(now)))],
        (Err(_), Err(_)) => Vec::new(),
    }
}

/// What makes two rounds differ: times and evidence always do.
fn kinds(view: &RegionView) -> (Verdict, Vec<(ProbeStatus, Option<Fault>)>) {
    (view.verdict, view.probes.iter().map(|report| (report.status, report.fault)).collect())
}

fn failures(view: &RegionView) -> String {
    let bad: Vec<_> = view.probes.iter().filter(|report| report.status != ProbeStatus::Ok).map(described).collect();
    if bad.is_empty() { "every probe is good".to_owned() } else { bad.join("; ") }
}

fn described(report: &ProbeReport) -> String {
    format!("{} {}: {}", report.probe, outcome(report), report.evidence)
}

fn outcome(report: &ProbeReport) -> String {
    match (report.status, report.fault) {
        (ProbeStatus::Ok, _) => "ok".to_owned(),
        (ProbeStatus::Degraded, _) => "degraded".to_owned(),
        (ProbeStatus::Failed, Some(fault)) => fault.to_string(),
        (ProbeStatus::Failed, None) => "failed".to_owned(),
    }
}

/// Verdicts and answer in a line.
pub(super) fn summary(looks: &[Look<'_>]) -> String {
    let words: Vec<_> = looks
        .iter()
        .map(|look| {
            let regions: Vec<_> = look.verdicts().map(|(region, verdict)| format!("{region} is {verdict}")).collect();
            let answering = look.seen.as_ref().map_or(&Answering::Unknown, |seen| &seen.answering);
            format!("{}; DNS answers with {}", regions.join(", "), points_at(answering))
        })
        .collect();
    words.join(" | ")
}

fn points_at(answering: &Answering) -> String {
    match answering {
        Answering::Region(region) => region.to_string(),
        Answering::Mixed => "different regions: a change is on its way".to_owned(),
        Answering::Other(seen) => format!("{seen}, which is no region's"),
        Answering::Unknown => "nothing that could be had".to_owned(),
    }
}

fn reports<'a>(look: &'a Look<'_>) -> impl Iterator<Item = (&'a RegionName, &'a ProbeReport)> {
    let seen = look.seen.as_ref().ok();
    look.service.regions.iter().flat_map(move |region| {
        let view = seen.and_then(|seen| seen.regions.get(&region.name));
        view.into_iter().flat_map(|view| view.probes.iter().map(|report| (&region.name, report)))
    })
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn status_colour(status: ProbeStatus) -> Color {
    match status {
        ProbeStatus::Ok => Color::Green,
        ProbeStatus::Degraded => Color::Yellow,
        ProbeStatus::Failed => Color::Red,
    }
}

fn verdict_colour(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Up => Color::Green,
        Verdict::Degraded => Color::Yellow,
        Verdict::Down => Color::Red,
        Verdict::Unknown => Color::Grey,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use decision::{Measured, follow};
    use domain::{Config, ObserverName, Round, Service};

    use super::*;

    fn config() -> Config {
        let source = r#"
            control_region = "ca-central-1"
            observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]
            [[service]]
            name = "api.example.com"
            hosted_zone = "Z1"
            region = [{ name = "eu-west-1", a = ["52.95.110.1"] }, { name = "us-east-1", a = ["52.95.110.2"] }]
            probe = [{ name = "health", kind = "https" }]
        "#;
        Config::parse("pointsman.toml", source).unwrap()
    }

    /// What an observer sees: a fault of the first region, if there is one.
    fn look<'a>(service: &'a Service, observer: &str, fault: Option<Fault>, answering: &str) -> Look<'a> {
        let observer: ObserverName = observer.parse().unwrap();
        let report = |fault: Option<Fault>| ProbeReport {
            probe: "health".parse().unwrap(),
            status: if fault.is_some() { ProbeStatus::Failed } else { ProbeStatus::Ok },
            fault,
            phases_ms: Phases { connect: Some(1.25), total: Some(20.0), ..Phases::default() },
            evidence: if fault.is_some() { "refused".to_owned() } else { "HTTP 200".to_owned() },
            seen: domain::Seen::default(),
        };
        let regions = BTreeMap::from([
            ("eu-west-1".parse().unwrap(), vec![report(fault)]),
            ("us-east-1".parse().unwrap(), vec![report(None)]),
        ]);
        let measured = Measured {
            service: service.name.clone(),
            observer: observer.clone(),
            config: config().hash(),
            invocation: String::new(),
            round: Round(1),
            at: Timestamp::UNIX_EPOCH,
            regions,
            anomalous: BTreeSet::new(),
            anomalies: BTreeMap::new(),
            answering: Answering::Region(answering.parse().unwrap()),
        };
        Look { service, observer, seen: Ok(follow(None, measured, 0)) }
    }

    #[test]
    fn several_observers_stand_side_by_side_with_what_failed_below() {
        let service = &config().services[0];
        let blind = Look { service, observer: "us-west-2".parse().unwrap(), seen: Err("throttled".to_owned()) };
        let refused = Some(Fault::ConnectRefused);
        let looks = [look(service, "eu-central-1", refused, "us-east-1"), blind];
        let expected = "\
api.example.com
┌────────────────────────────────────────┐
│               eu-central-1   us-west-2 │
╞════════════════════════════════════════╡
│ eu-west-1     down           unknown   │
│ us-east-1     up             unknown   │
│ DNS answers   us-east-1      unknown   │
└────────────────────────────────────────┘
eu-west-1 for eu-central-1: health connect_refused: refused
us-west-2 could not look: throttled
";
        assert_eq!(tables(&looks), expected);
    }

    #[test]
    fn a_phase_that_no_probe_had_has_no_column() {
        let service = &config().services[0];
        let expected = "\
api.example.com: eu-west-1 is up, us-east-1 is up; DNS answers with eu-west-1
┌─────────────────────────────────────────────────────────────┐
│ region      probe    status   connect   total ms   evidence │
╞═════════════════════════════════════════════════════════════╡
│ eu-west-1   health   ok           1.2       20.0   HTTP 200 │
│ us-east-1   health   ok           1.2       20.0   HTTP 200 │
└─────────────────────────────────────────────────────────────┘
";
        let table = tables(&[look(service, "local", None, "eu-west-1")]);
        assert_eq!(table, expected, "{table}");
    }

    #[test]
    fn a_change_is_told_once_and_by_whom() {
        let service = &config().services[0];
        let refused = Some(Fault::ConnectRefused);
        let both = |one, answering| [look(service, "a", one, answering), look(service, "b", None, "eu-west-1")];
        let told = |before: &[Look<'_>], now: &[Look<'_>]| changes(Timestamp::UNIX_EPOCH, before, now);
        assert_eq!(
            told(&both(None, "eu-west-1"), &both(refused, "us-east-1")),
            "00:00:00 UTC  a: eu-west-1 is down: health connect_refused: refused\n\
             00:00:00 UTC  a: DNS answers with us-east-1 instead of eu-west-1\n"
        );
        assert_eq!(told(&both(refused, "us-east-1"), &both(refused, "us-east-1")), "");
        let blind = |why: &str| [Look { service, observer: "a".parse().unwrap(), seen: Err(why.to_owned()) }];
        let seeing = || [look(service, "a", None, "eu-west-1")];
        assert_eq!(told(&seeing(), &blind("throttled")), "00:00:00 UTC  could not look: throttled\n");
        assert_eq!(told(&blind("throttled"), &blind("denied")), "", "nothing new");
        assert!(told(&blind("throttled"), &seeing()).contains("looks again: eu-west-1 is up"));
    }
}
