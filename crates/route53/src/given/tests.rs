use super::*;
use crate::fixture::{a, alias};

fn weighted(weight: i64) -> GivenSet {
    let set = a("www.example.com", "192.0.2.1").weighted("one", 1);
    GivenSet { weight: Some(weight), ..GivenSet::from(&set) }
}

fn refused(given: GivenSet) -> String {
    let change = GivenChange { action: "CREATE".to_owned(), resource_record_set: given };
    Change::try_from(change).unwrap_err().to_string()
}

#[test]
fn r7_a_weight_is_0_to_255() {
    for weight in [0, 255] {
        assert!(RecordSet::try_from(weighted(weight)).is_ok(), "{weight}");
    }
    assert_eq!(
        refused(weighted(300)),
        "Invalid XML ; cvc-maxInclusive-valid: Value '300' is not facet-valid with respect to maxInclusive '255' for type 'ResourceRecordSetWeight'."
    );
    assert!(refused(weighted(-1)).contains("cvc-minInclusive-valid: Value '-1'"));
}

#[test]
fn r13_a_set_of_a_group_has_an_identifier_and_one_policy() {
    let place = "in Change with [Action=CREATE, Name=www.example.com., Type=A, SetIdentifier=";
    assert_eq!(
        refused(GivenSet { set_identifier: None, ..weighted(1) }),
        format!("Invalid request: Missing field 'SetIdentifier' {place}null]")
    );
    let one = "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer]";
    let none = GivenSet { weight: None, ..weighted(1) };
    assert_eq!(refused(none), format!("{one}, but found none {place}one]"));
    let both = GivenSet { failover: Some("PRIMARY".to_owned()), ..weighted(1) };
    assert_eq!(refused(both), format!("{one}, but found more than one {place}one]"));
    let long = GivenSet { set_identifier: Some("x".repeat(129)), ..weighted(1) };
    assert!(refused(long).contains("cvc-length-valid"));
    let third = GivenSet { weight: None, failover: Some("TERTIARY".to_owned()), ..weighted(1) };
    assert!(refused(third).contains("Value 'TERTIARY' is not facet-valid with respect to enumeration"));
}

#[test]
fn r13_a_policy_that_the_model_does_not_know_is_not_taken_for_another() {
    let latency = GivenSet { weight: None, region: Some("eu-west-1".to_owned()), ..weighted(1) };
    assert_eq!(refused(latency), "the lab's Route 53 does not know latency routing");
}

#[test]
fn r12_a_set_has_records_of_its_own_or_is_an_alias() {
    let values = GivenSet::from(&a("www.example.com", "192.0.2.1"));
    let target = GivenSet::from(&alias("www.example.com", "x.example.com", true)).alias_target;
    for (given, found) in [
        (GivenSet { resource_records: None, ttl: None, ..values.clone() }, "none"),
        (GivenSet { ttl: None, ..values.clone() }, "none"),
        (GivenSet { alias_target: target, ..values.clone() }, "more than one"),
    ] {
        let said = refused(given);
        assert!(
            said.contains("[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"),
            "{said}"
        );
        assert!(said.contains(&format!("but found {found} in Change")), "{said}");
    }
    assert!(refused(GivenSet { ttl: Some(1 << 31), ..values }).contains("maxInclusive '2147483647' for type 'TTL'"));
}

#[test]
fn r40_an_action_and_a_type_are_of_those_that_there_are() {
    let given = GivenSet::from(&a("www.example.com", "192.0.2.1"));
    let change = GivenChange { action: "REPLACE".to_owned(), resource_record_set: given.clone() };
    assert!(matches!(Change::try_from(change), Err(InvalidInput::NotOneOf { .. })));
    assert!(refused(GivenSet { r#type: "ANAME".to_owned(), ..given }).contains("Value 'ANAME'"));
}

#[test]
fn what_is_written_is_read_again() {
    let all = [
        a("www.example.com", "192.0.2.1"),
        a("*.example.com", "192.0.2.1").failover(Role::Secondary).checked("c"),
        alias("www.example.com", "x.example.com", true).weighted("w", 7),
    ];
    for set in all {
        assert_eq!(RecordSet::try_from(GivenSet::from(&set)), Ok(set));
    }
}
