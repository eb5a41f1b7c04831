//! What is read, said, scaled and weakened.

use std::fmt::Debug;

use serde::de::DeserializeOwned;

use super::*;

fn read<F: DeserializeOwned>(json: &str) -> Result<F, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn share(share: f64) -> Share {
    Share::try_from(share).unwrap()
}

fn every_fault() -> [Fault; 12] {
    [
        Fault::Down,
        Fault::Hang,
        Fault::HalfOpen,
        Fault::Latency { delay: Period::millis(200), jitter: Period::millis(50) },
        Fault::Latency { delay: Period::millis(200), jitter: Period::default() },
        Fault::Errors { share: share(0.4), paths: Paths::User },
        Fault::Reset { share: share(0.25) },
        Fault::WrongBody { paths: Paths::All },
        Fault::SlowBody { over: Period::seconds(4) },
        Fault::CpuSaturation,
        Fault::TlsExpired,
        Fault::TlsWrongName,
    ]
}

fn every_name_fault() -> [NameFault; 5] {
    [
        NameFault::Nxdomain,
        NameFault::Empty,
        NameFault::Servfail,
        NameFault::Slow { delay: Period::seconds(3) },
        NameFault::Ttl { ttl: Period::seconds(300) },
    ]
}

const EVERY_OBSERVER_FAULT: [ObserverFault; 3] = [ObserverFault::Lost, ObserverFault::Lies, ObserverFault::CutOff];

fn assert_round_trip<F: Serialize + DeserializeOwned + PartialEq + Debug>(faults: &[F]) {
    for fault in faults {
        let json = serde_json::to_string(fault).unwrap();
        assert_eq!(read::<F>(&json).as_ref(), Ok(fault), "{json}");
    }
}

#[test]
fn a_fault_survives_a_round_trip() {
    assert_round_trip(&every_fault());
    assert_round_trip(&every_name_fault());
    assert_round_trip(&EVERY_OBSERVER_FAULT);
}

#[test]
fn what_need_not_be_written_has_its_usual_value() {
    assert_eq!(read(r#"{"kind":"reset"}"#), Ok(Fault::Reset { share: Share::ALL }));
    assert_eq!(read(r#"{"kind":"wrong-body"}"#), Ok(Fault::WrongBody { paths: Paths::All }));
    let late = Fault::Latency { delay: Period::seconds(1), jitter: Period::default() };
    assert_eq!(read(r#"{"kind":"latency","delay":"1s"}"#), Ok(late));
}

#[test]
fn what_has_no_place_is_refused() {
    let refused = |json| read::<Fault>(json).unwrap_err();
    assert!(refused(r#"{"kind":"down","share":0.5}"#).contains("`share` has no meaning for `down`"));
    assert!(refused(r#"{"kind":"reset","paths":"user"}"#).contains("`paths` has no meaning for `reset`"));
    assert!(refused(r#"{"kind":"latency"}"#).contains("`delay`"));
    assert!(refused(r#"{"kind":"slow-body"}"#).contains("`over` `slow-body` needs it"));
    assert!(refused(r#"{"kind":"errors","share":4}"#).contains("not a share"));
    assert!(refused(r#"{"kind":"down","colour":"red"}"#).contains("unknown field `colour`"));
    assert!(refused(r#"{"kind":"dns-empty"}"#).contains("`dns-empty` is no fault of a region's server"));
    let refused = |json| read::<NameFault>(json).unwrap_err();
    assert!(refused(r#"{"kind":"down"}"#).contains("`down` is no fault of a name"));
    assert!(refused(r#"{"kind":"dns-ttl"}"#).contains("`ttl`"));
    assert!(refused(r#"{"kind":"dns-ttl","ttl":"1500ms"}"#).contains("whole number of seconds"));
    let refused = |json| read::<ObserverFault>(json).unwrap_err();
    assert!(refused(r#"{"kind":"hang"}"#).contains("`hang` is no fault of an observer"));
    assert!(refused(r#"{"kind":"observer-lost","delay":"1s"}"#).contains("`delay` has no meaning"));
}

#[test]
fn each_problem_of_a_fault_is_told_with_its_key() {
    let written = read::<Written>(r#"{"kind":"latency","share":1,"ttl":"10s"}"#).unwrap();
    let mut keys = Vec::new();
    assert_eq!(written.check(|key, _| keys.push(key)), None);
    assert_eq!(keys, ["share", "ttl", "delay"]);
}

#[test]
fn people_can_read_it() {
    assert_eq!(
        every_fault().map(|fault| fault.to_string()),
        [
            "connections are refused",
            "requests are never answered",
            "connections are taken and never read",
            "answers are 200ms late, and up to 50ms more",
            "answers are 200ms late",
            "40% of user requests fail",
            "25% of connections are reset",
            "requests are answered with a wrong body",
            "bodies take 4s",
            "a thread a core burns in its process",
            "the certificate has expired",
            "the certificate is another name's",
        ]
    );
    assert_eq!(
        every_name_fault().map(|fault| fault.to_string()),
        [
            "its name does not exist",
            "its name has no address: NOERROR without records",
            "the name servers fail for its name",
            "its name is answered 3s late",
            "its name is answered with a TTL of 5m",
        ]
    );
    assert_eq!(
        EVERY_OBSERVER_FAULT.map(|fault| fault.to_string()),
        ["it is killed, and not started again", "it reports a region down that it sees up", "it is cut off"]
    );
}

#[test]
fn speed_shortens_periods_only() {
    let late = Fault::Latency { delay: Period::seconds(2), jitter: Period::seconds(1) };
    assert_eq!(late.scaled(2.0), Fault::Latency { delay: Period::seconds(1), jitter: Period::millis(500) });
    assert_eq!(Fault::SlowBody { over: Period::seconds(4) }.scaled(4.0), Fault::SlowBody { over: Period::seconds(1) });
    let others = every_fault().into_iter().filter(|f| !matches!(f, Fault::Latency { .. } | Fault::SlowBody { .. }));
    for fault in others {
        assert_eq!(fault.scaled(2.0), fault);
    }
    assert_eq!(
        every_name_fault().map(|fault| fault.scaled(200.0)),
        [
            NameFault::Nxdomain,
            NameFault::Empty,
            NameFault::Servfail,
            NameFault::Slow { delay: Period::millis(15) },
            NameFault::Ttl { ttl: Period::seconds(2) },
        ]
    );
    let short = NameFault::Ttl { ttl: Period::seconds(2) };
    assert_eq!(short.scaled(20.0), NameFault::Ttl { ttl: Period::seconds(1) }, "a TTL of none is another fault");
}

#[test]
fn a_fault_that_can_be_weaker_is_weaker_in_all_that_it_does() {
    let half = every_fault().map(|fault| fault.at(share(0.5)));
    let with_strength: Vec<_> = half.into_iter().flatten().collect();
    assert_eq!(
        with_strength,
        [
            Fault::Latency { delay: Period::millis(100), jitter: Period::millis(25) },
            Fault::Latency { delay: Period::millis(100), jitter: Period::default() },
            Fault::Errors { share: share(0.2), paths: Paths::User },
            Fault::Reset { share: share(0.125) },
            Fault::SlowBody { over: Period::seconds(2) },
        ]
    );
    for fault in with_strength {
        assert_eq!(fault.at(Share::ALL), Some(fault));
    }
}
