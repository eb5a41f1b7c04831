//! The reasons for doing nothing, as sentences for an engineer half awake.

use std::fmt;

use domain::{
    Answering, ByHand, Epoch, HoldCode, HoldReason, InFlight, Mode, Paused, Period, Plan, PlanId, Policy, ProbeName,
    RegionName, Share, VerdictAs,
};
use jiff::Timestamp;

use crate::{
    evidence::Silence,
    scene::Scene,
    tally::{Signal, Tally},
};

/// A time moved on, within what a timestamp can hold.
pub(crate) fn later(at: Timestamp, by: Period) -> Timestamp {
    at.saturating_add(by.signed()).unwrap_or(Timestamp::MAX)
}

/// How long so many rounds take.
pub(crate) fn rounds(policy: &Policy, rounds: u32) -> Period {
    Period(policy.interval.0.saturating_mul(rounds))
}

fn hold(code: HoldCode, text: String) -> HoldReason {
    HoldReason { code, text }
}

/// The time of day, as it stands in a log: `10:15:00 UTC`.
pub(crate) fn clock(at: Timestamp) -> String {
    let mut text = String::with_capacity(16);
    push_clock(&mut text, at);
    text
}

fn push_clock(text: &mut String, at: Timestamp) {
    let seconds = u32::try_from(at.as_second().rem_euclid(86_400)).expect("a day has fewer seconds than 2³²");
    for (part, before) in [(seconds / 3600, ""), (seconds / 60 % 60, ":"), (seconds % 60, ":")] {
        text.push_str(before);
        text.push_str(if part < 10 { "0" } else { "" });
        push_number(text, part);
    }
    text.push_str(" UTC");
}

/// `a, b and c`.
pub(crate) fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    let mut text = String::new();
    push_list(&mut text, items.len(), items.iter().map(String::as_str));
    text
}

/// The same of so many names, onto a text.
fn push_list<'a>(text: &mut String, count: usize, names: impl Iterator<Item = &'a str>) {
    for (place, name) in names.enumerate() {
        match place {
            0 => {}
            _ if place + 1 == count => text.push_str(" and "),
            _ => text.push_str(", "),
        }
        text.push_str(name);
    }
}

/// Numbers of observers and rounds, without the formatter's detours: these sentences are made at every look.
pub(crate) fn push_number(text: &mut String, number: impl Into<u64>) {
    let number = number.into();
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + u8::try_from(number % 10).expect("a digit")));
}

fn push_count(text: &mut String, count: usize) {
    push_number(text, u64::try_from(count).unwrap_or(u64::MAX));
}

/// `us-east-1 is down for 2 of 3 observers (a and b)`.
pub(crate) fn seen(tally: &Tally<'_>, what: VerdictAs) -> String {
    let mut text = String::with_capacity(200);
    push_seen(&mut text, tally, what);
    text
}

fn push_seen(text: &mut String, tally: &Tally<'_>, what: VerdictAs) {
    let count = tally.count(what);
    text.push_str(tally.region.as_str());
    match what {
        VerdictAs::Up => text.push_str(" is up for "),
        VerdictAs::Down => text.push_str(" is down for "),
    }
    push_count(text, count);
    text.push_str(" of ");
    push_count(text, tally.observers);
    text.push_str(" observers");
    if count > 0 {
        text.push_str(" (");
        push_list(text, count, tally.saying(what).map(|vote| vote.observer.as_str()));
        text.push(')');
    }
}

/// The same with the rounds in a row.
pub(crate) fn seen_long(tally: &Tally<'_>, what: VerdictAs) -> String {
    let mut text = String::with_capacity(160);
    push_seen(&mut text, tally, what);
    let rounds = tally.rounds(what);
    text.push_str(", for ");
    push_number(&mut text, rounds);
    match rounds {
        1 => text.push_str(" round in a row"),
        _ => text.push_str(" rounds in a row"),
    }
    text
}

/// What agrees that a region is down.
pub(crate) fn agrees(signal: &Signal<'_>) -> String {
    match signal {
        Signal::NotAsked => "the policy asks for no independent signal".to_owned(),
        Signal::NativeCheck => "Route 53's own check is unhealthy too".to_owned(),
        Signal::Alarm(alarm) => format!("alarm {alarm} is in ALARM"),
        Signal::Probes(probes) => {
            let mut text = String::with_capacity(80);
            text.push_str("the probes ");
            push_list(&mut text, probes.names().count(), probes.names().map(ProbeName::as_str));
            text.push_str(" each fail for a quorum");
            text
        }
        Signal::Unanimity => "no independent signal can be had, and all who know agree for twice as long".to_owned(),
    }
}

pub(crate) fn healthy(active: &Tally<'_>) -> HoldReason {
    hold(HoldCode::Healthy, seen(active, VerdictAs::Up))
}

pub(crate) fn no_quorum(active: &Tally<'_>, policy: &Policy) -> HoldReason {
    hold(
        HoldCode::NoQuorum,
        format!("{}; {} must agree before it counts", seen(active, VerdictAs::Down), policy.quorum),
    )
}

pub(crate) fn active_unseen(active: &Tally<'_>, policy: &Policy) -> HoldReason {
    let known = active.votes.len();
    let text = format!(
        "only {known} of {} observers can tell how {} is, and {} must",
        active.observers, active.region, policy.min_observers
    );
    hold(HoldCode::QuorumLost, text)
}

pub(crate) fn in_flight(InFlight { plan, taken_at, .. }: &InFlight) -> HoldReason {
    let text = format!(
        "plan {} ({} from {} to {}), taken at {}, is being carried out",
        plan.id,
        plan.kind,
        plan.from,
        plan.to,
        clock(*taken_at)
    );
    hold(HoldCode::PlanInFlight, text)
}

/// `moved`: the share of the zone's servers that answer with the plan's target all the same.
pub(crate) fn unreachable(why: &str, moved: Option<Share>) -> HoldReason {
    let own = match moved {
        Some(share) => {
            format!("Route 53's own checks moved {:.0} % of clients, by its servers' answers", share.get() * 100.0)
        }
        None => "whom Route 53's own checks moved can't be told: none of its servers was heard".to_owned(),
    };
    hold(HoldCode::ControlPlaneUnreachable, format!("cannot flip: {why}; {own}"))
}

pub(crate) fn paused(Paused { by, at, reason }: &Paused) -> HoldReason {
    let text = format!(
        "decisions are paused by {by} since {at}: {reason}. Route 53's own checks are not stopped by this and may still move the traffic"
    );
    hold(HoldCode::Paused, text)
}

pub(crate) fn mode(policy: &Policy, plan: &Plan) -> HoldReason {
    // Without times, so that the same plan reads the same at the next look.
    let mut text = format!(
        "the mode is `{}`: a {} from {} to {} would be planned now",
        format!("{:?}", policy.mode).to_lowercase(),
        plan.kind,
        plan.from,
        plan.to
    );
    if policy.mode == Mode::Recommend {
        text.push_str("; `pointsman approve ");
        text.push_str(&plan.epoch.to_string());
        text.push_str("` carries it out");
    }
    hold(HoldCode::Mode, text)
}

fn silences(scene: &Scene<'_>) -> String {
    list(scene.hearing.silent.iter().map(|(observer, silence)| format!("{observer} {silence}")))
}

pub(crate) fn quorum_lost(scene: &Scene<'_>) -> HoldReason {
    let text = format!(
        "only {} of {} observers know anything, and {} must: {}",
        scene.hearing.knowing.len(),
        scene.hearing.observers,
        scene.service.policy.min_observers,
        silences(scene)
    );
    hold(HoldCode::QuorumLost, text)
}

/// Every observer that can see sees every region down.
pub(crate) fn everything_down(scene: &Scene<'_>) -> HoldReason {
    let who =
        scene.hearing.silent.iter().filter(|(_, silence)| *silence == Silence::AllDown).map(|(observer, _)| observer);
    let text = format!(
        "{} each see every region down ({}), so there is nowhere to move to",
        list(who),
        list(scene.tallies.iter().map(|tally| tally.region))
    );
    hold(HoldCode::AllRegionsDown, text)
}

/// The active region has failed, and every other is down by quorum.
pub(crate) fn others_down(scene: &Scene<'_>) -> HoldReason {
    let text = list(scene.tallies.iter().map(|tally| seen(tally, VerdictAs::Down)));
    hold(HoldCode::AllRegionsDown, format!("{text}, so there is nowhere to move to"))
}

pub(crate) fn active_unknown(scene: &Scene<'_>) -> HoldReason {
    let what = match &scene.evidence.answering {
        Answering::Region(region) => format!("answer with {region}, which is none of the service's regions"),
        Answering::Mixed => "differ, and no quorum of observers names one region".to_owned(),
        Answering::Other(what) => format!("answer with {what}, which is no region's"),
        Answering::Unknown => "do not answer us, and no quorum of observers names one region".to_owned(),
    };
    let text = format!("the zone's name servers {what}: which region is active is not guessed");
    hold(HoldCode::ActiveUnknown, text)
}

pub(crate) fn counting(active: &Tally<'_>, scene: &Scene<'_>) -> HoldReason {
    let alone = active.signal().is_none() && !active.has_signal();
    let needed = if alone { active.rounds_alone() } else { active.down_after() };
    let mut text = seen(active, VerdictAs::Down);
    text.push_str(", for ");
    push_number(&mut text, active.rounds(VerdictAs::Down));
    text.push_str(" of ");
    push_number(&mut text, needed);
    text.push_str(" rounds in a row");
    if let Some(at) = scene.earliest_failover() {
        text.push_str("; a failover could happen at ");
        push_clock(&mut text, at);
        text.push_str(" at the earliest");
    }
    hold(HoldCode::Counting, text)
}

pub(crate) fn not_corroborated(active: &Tally<'_>, scene: &Scene<'_>) -> HoldReason {
    let failing = active.failing_probes();
    let native = active.native;
    let alarm = active.alarm.map_or_else(String::new, |(alarm, says)| format!("alarm {alarm} is {says}, "));
    let missing = if active.has_signal() {
        let probes = match failing.as_slice() {
            [] => "no single probe fails for a quorum".to_owned(),
            [one] => format!("only the probe {one} fails for a quorum"),
            more => format!(
                "the probes {} fail for a quorum, not two kinds of them for long enough: {} rounds of wrong answers or {} of silence, twice as many while another observer sees it otherwise",
                list(more),
                active.down_after(),
                active.silence_after()
            ),
        };
        format!("but no independent signal agrees: Route 53's own check is {native}, {alarm}and {probes}")
    } else {
        format!(
            "and no independent signal can be had (Route 53's own check is {native}, {alarm}and there is no second kind of probe), so all who know must agree for {} rounds{}",
            active.rounds_alone(),
            earliest(scene)
        )
    };
    hold(HoldCode::NotCorroborated, format!("{}, {missing}", seen_long(active, VerdictAs::Down)))
}

fn earliest(scene: &Scene<'_>) -> String {
    scene
        .earliest_failover()
        .map_or_else(String::new, |at| format!("; a failover could happen at {} at the earliest", clock(at)))
}

pub(crate) fn not_up(target: &Tally<'_>) -> HoldReason {
    hold(HoldCode::NoTarget, format!("{}, which is not enough to move traffic there", seen(target, VerdictAs::Up)))
}

pub(crate) fn unhealthy(target: &Tally<'_>) -> HoldReason {
    let text = format!("Route 53's own check holds {} unhealthy, so Route 53 would not answer with it", target.region);
    hold(HoldCode::TargetUnhealthy, text)
}

/// Route 53 moved to a region that is not seen up: it is not made PRIMARY.
pub(crate) fn moved_but_not_up(active: &Tally<'_>) -> HoldReason {
    let text = format!(
        "Route 53 has moved to {} by itself, but {}: it is not made PRIMARY",
        active.region,
        seen(active, VerdictAs::Up)
    );
    hold(HoldCode::NoTarget, text)
}

pub(crate) fn cooldown(until: Timestamp) -> HoldReason {
    hold(HoldCode::Cooldown, format!("the last switch was not long ago: no automatic failover before {}", clock(until)))
}

pub(crate) fn budget(until: Timestamp, policy: &Policy) -> HoldReason {
    let used = format!(
        "the budget of {} automatic failovers in {} is used up",
        policy.max_auto_failovers_per_hour, policy.budget_window
    );
    let text = if until == Timestamp::MAX { used } else { format!("{used}; the next may happen at {}", clock(until)) };
    hold(HoldCode::Budget, text)
}

pub(crate) fn not_verified(plan: &PlanId) -> HoldReason {
    hold(
        HoldCode::NotVerified,
        format!("the switch of plan {plan} was not verified in time: a person must look before traffic is moved again"),
    )
}

pub(crate) fn not_acknowledged(plan: &PlanId) -> HoldReason {
    let text = format!("nobody has acknowledged the automatic failover of plan {plan}: run `pointsman acknowledge`");
    hold(HoldCode::NotAcknowledged, text)
}

/// A person led the traffic away from these.
pub(crate) fn by_hand(order: &ByHand, avoided: &[Tally<'_>]) -> HoldReason {
    let text = format!(
        "{} ordered the traffic to {} at {}: nothing returns to {} by itself; `pointsman failback` does it",
        order.by,
        order.to,
        clock(order.at),
        list(avoided.iter().map(|tally| tally.region))
    );
    hold(HoldCode::ByHand, text)
}

/// Too little of the target is well.
pub(crate) fn panic(target: &Tally<'_>, policy: &Policy) -> HoldReason {
    let percent = |share: f64| (share * 100.0).round();
    let text = format!(
        "only {} % of what the observers probe of {} is well, and {} % must be",
        percent(target.well.unwrap_or_default()),
        target.region,
        percent(policy.panic_threshold.get())
    );
    hold(HoldCode::PanicThreshold, text)
}

/// The target's data are too old, or nobody knows how old.
pub(crate) fn data_loss(target: &Tally<'_>, lag: Option<Period>, rpo: Period) -> HoldReason {
    let region = target.region;
    let text = match lag {
        Some(lag) => format!("the data of {region} are {lag} behind, and the RPO is {rpo}"),
        None => format!("nobody knows how far the data of {region} are behind, and the RPO is {rpo}"),
    };
    hold(HoldCode::DataLoss, format!("{text}: only a person may accept that, with `--accept-data-loss`"))
}

pub(crate) fn nothing_waits(policy: &Policy) -> HoldReason {
    let mode = format!("{:?}", policy.mode).to_lowercase();
    hold(HoldCode::NotRecommended, format!("the mode is `{mode}`: only in `recommend` plans wait for approval"))
}

/// What would be planned now is not what was read of.
pub(crate) fn not_recommended(epoch: Epoch, plan: &Plan) -> HoldReason {
    let text = format!(
        "no plan of epoch {epoch} that still holds was recommended: a {} from {} to {} would be planned now, as epoch {}",
        plan.kind, plan.from, plan.to, plan.epoch
    );
    hold(HoldCode::NotRecommended, text)
}

pub(crate) fn hold_down(region: &RegionName, until: Timestamp) -> HoldReason {
    hold(HoldCode::HoldDown, format!("traffic does not return to {region} before {}", clock(until)))
}

pub(crate) fn returning(region: &Tally<'_>, policy: &Policy) -> HoldReason {
    let rounds = region.rounds(VerdictAs::Up).min(policy.up_after);
    let text = format!(
        "{}, for {rounds} of the {} rounds in a row that a return needs",
        seen(region, VerdictAs::Up),
        policy.up_after
    );
    hold(HoldCode::Returning, text)
}

pub(crate) fn manual_failback(region: &Tally<'_>) -> HoldReason {
    let text = format!(
        "{} could be returned to, and failback is by hand: run `pointsman failback`",
        seen_long(region, VerdictAs::Up)
    );
    hold(HoldCode::ManualFailback, text)
}

pub(crate) fn already_there(region: &RegionName) -> HoldReason {
    hold(HoldCode::AlreadyThere, format!("the zone's name servers answer with {region} already"))
}

pub(crate) fn unknown_region(region: &RegionName, scene: &Scene<'_>) -> HoldReason {
    let known = list(scene.tallies.iter().map(|tally| tally.region));
    hold(HoldCode::UnknownRegion, format!("{region} is not a region of {}, which has {known}", scene.service.name))
}

#[cfg(test)]
mod tests {
    use domain::ProbeName;

    use super::*;

    #[test]
    fn names_are_listed_as_people_list_them() {
        let probes: [ProbeName; 3] = ["deep", "http", "tcp"].map(|name| name.parse().unwrap());
        assert_eq!(list(&probes), "deep, http and tcp");
        assert_eq!(list(&probes[..2]), "deep and http");
    }
}
