//! The composite alarm that pages. No emulator takes one from a stack, and one of them knows its rules: asked directly, it shows
//! that they are what `CloudWatch` reads.

use std::fs;

use domain::Config;
use lab::emulator::Kind;
use monitoring::AlarmKind;

use crate::{
    account::Account,
    support::{aws::CONTROL_REGION, seconds, until},
};

fn until_page(account: &Account, page: &str, state: &str) {
    let asked = format!("Action=DescribeAlarms&AlarmTypes.member.1=CompositeAlarm&AlarmNames.member.1={page}");
    until(state, seconds(30), || {
        account.aws().cloudwatch(&asked).contains(&format!("<StateValue>{state}</StateValue>")).then_some(())
    });
}

#[test]
fn somebody_is_paged_while_any_alarm_that_pages_rings() {
    let account = Account::empty(Kind::Ministack, 14);
    account.deploy(&["--yes"]).exits(0);
    let text = fs::read_to_string(account.path().join("pointsman.toml")).unwrap();
    let config = Config::parse("pointsman.toml", &text).unwrap();
    let alarms = monitoring::alarms(&config);
    let composites = monitoring::composites(&config, &alarms);
    let set = |alarm: &str, state: &str| {
        let to = format!("Action=SetAlarmState&AlarmName={alarm}&StateValue={state}&StateReason=test");
        account.aws().cloudwatch(&to);
    };
    let quiet = |alarm: &monitoring::Alarm| set(&alarm.name(), "OK");
    alarms.iter().for_each(quiet);
    for composite in &composites {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "PutCompositeAlarm").append_pair("AlarmName", &composite.name);
        account.aws().cloudwatch(&form.append_pair("AlarmRule", &composite.rule()).finish());
    }
    let page = &composites.last().unwrap().name;
    until_page(&account, page, "OK");
    let (paging, others): (Vec<_>, Vec<_>) = alarms.iter().partition(|alarm| alarm.kind.pages());
    let status = || account.run(&["status"]).stdout;
    assert!(status().contains("alarms: none rings"), "{}", status());
    for alarm in &others {
        set(&alarm.name(), "ALARM");
    }
    let loud = |alarm: &&&monitoring::Alarm| alarm.kind != AlarmKind::RegionRecovery;
    let loud: Vec<_> = others.iter().filter(loud).map(|alarm| alarm.name()).collect();
    assert!(loud.len() > 2, "{loud:?}");
    assert!(status().contains(&format!("alarms that ring: {}", loud.join(", "))), "{}", status());
    account.refuse("cloudwatch", "DescribeAlarms", CONTROL_REGION, 403);
    assert!(status().contains("alarms: CloudWatch does not tell"), "{}", status());
    account.fail("");
    for alarm in paging {
        until_page(&account, page, "OK");
        set(&alarm.name(), "ALARM");
        until_page(&account, page, "ALARM");
        set(&alarm.name(), "OK");
    }
    until_page(&account, page, "OK");
}
