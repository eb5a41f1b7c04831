use super::*;

fn config(kind: CheckKind) -> CheckConfig {
    CheckConfig { kind, inverted: false, disabled: false }
}

fn endpoint() -> CheckConfig {
    config(CheckKind::Endpoint(Endpoint {
        address: Some([192, 0, 2, 1].into()),
        domain: None,
        port: 80,
        protocol: Protocol::Tcp,
        interval: Interval::Fast,
        failure_threshold: FailureThreshold::default(),
    }))
}

fn calculated(children: usize, threshold: u16) -> CheckConfig {
    let children = (0..children).map(|n| CheckId::from(n.to_string())).collect();
    config(CheckKind::Calculated { children, threshold })
}

const NO_CHILD: fn(&CheckId) -> bool = |_| unreachable!("no children are counted");

#[test]
fn r20_checkers_ask_every_ten_or_thirty_seconds_from_eight_regions() {
    assert_eq!(Interval::Fast.duration().as_secs(), 10);
    assert_eq!(Interval::Standard.duration().as_secs(), 30);
    assert_eq!(BTreeSet::from(limits::REGIONS).len(), 8);
}

#[test]
fn r21_a_view_turns_after_the_threshold_in_a_row_in_both_directions() {
    let mut view = CheckerView::new(3.try_into().unwrap());
    let mut seen = Vec::new();
    for success in [false, false, true, false, false, false, true, true, false, true, true, true] {
        view.record(success);
        seen.push(view.is_healthy());
    }
    assert_eq!(seen, [true, true, true, true, true, false, false, false, false, false, false, true]);
}

#[test]
fn r21_the_threshold_is_one_to_ten() {
    assert!(FailureThreshold::try_from(0).is_err());
    assert!(FailureThreshold::try_from(11).is_err());
    let mut view = CheckerView::new(1.try_into().unwrap());
    view.record(false);
    assert!(!view.is_healthy());
}

#[test]
fn r22_healthy_needs_more_than_eighteen_percent() {
    let of = |healthy: usize, all: usize| aggregate((0..all).map(|n| n < healthy));
    assert!(!of(2, 16), "12.5 %");
    assert!(of(3, 16), "18.75 %");
    assert!(!of(18, 100), "exactly 18 %");
    assert!(of(19, 100));
}

#[test]
fn r23_statuses_from_200_to_399_are_success() {
    assert!([200, 204, 301, 399].into_iter().all(status_is_success));
    assert!(![199, 400, 404, 500, 503].into_iter().any(status_is_success));
}

#[test]
fn r25_a_calculated_check_counts_its_healthy_children() {
    let below = |limit: usize| move |id: &CheckId| id.as_str().parse::<usize>().unwrap() < limit;
    assert!(calculated(3, 2).is_healthy(None, below(2)));
    assert!(!calculated(3, 2).is_healthy(None, below(1)));
    assert!(calculated(3, 0).is_healthy(None, below(0)), "threshold 0 is always healthy");
    assert!(!calculated(3, 4).is_healthy(None, below(3)), "more than there are is always unhealthy");
}

#[test]
fn r26_missing_alarm_data_means_what_the_check_says() {
    let alarm = |insufficient| {
        let kind = CheckKind::Alarm { name: "a".into(), region: "eu-west-1".into(), insufficient };
        config(kind).is_healthy(None, NO_CHILD)
    };
    assert!(alarm(InsufficientData::Healthy));
    assert!(!alarm(InsufficientData::Unhealthy));
    assert!(alarm(InsufficientData::LastKnownStatus), "a new check is healthy");
}

#[test]
fn r27_inverted_swaps_and_disabled_is_healthy() {
    for (inverted, disabled, observed, healthy) in [
        (true, false, true, false),
        (true, false, false, true),
        (false, true, false, true),
        (true, true, true, false),
        (true, true, false, false),
    ] {
        let check = CheckConfig { inverted, disabled, ..endpoint() };
        assert_eq!(check.is_healthy(Some(observed), NO_CHILD), healthy, "{inverted} {disabled} {observed}");
    }
}

#[test]
fn r28_a_new_check_is_healthy_and_an_inverted_one_is_not() {
    assert!(endpoint().is_healthy(None, NO_CHILD));
    assert!(!CheckConfig { inverted: true, ..endpoint() }.is_healthy(None, NO_CHILD));
    assert!(CheckerView::new(FailureThreshold::default()).is_healthy());
}

#[test]
fn r30_private_and_reserved_addresses_can_not_be_checked() {
    for refused in
        ["10.1.2.3", "127.0.0.1", "169.254.169.254", "192.168.0.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"]
    {
        assert!(!can_be_checked(refused.parse().unwrap()), "{refused}");
    }
    for reached in ["3.5.7.9", "2600:1f18::1"] {
        assert!(can_be_checked(reached.parse().unwrap()), "{reached}");
    }
}
