//! `dns plan` and `dns apply`: the records and checks in Route 53, beside those that the configuration wants.

use aws::{DnsPlan, ServiceDns, apply_dns, plan_dns};
use decision::{CheckDiff, CheckOf, Remark};
use route53::{CheckSettings, GivenSet, GroupDiff, RecordSet, Routing, Step};
use serde_json::{Value, json};

use crate::{
    args::{DnsApply, DnsCommand, Global},
    error::CliError,
    exit,
    printer::Printer,
    signals,
    target::{Target, confirm},
};

pub(crate) async fn run(global: &Global, command: &DnsCommand, printer: &Printer) -> Result<exit::Code, CliError> {
    match command {
        DnsCommand::Plan => plan(global, printer).await,
        DnsCommand::Apply(args) => apply(global, args, printer).await,
    }
}

async fn plan(global: &Global, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let plan = signals::or_interrupted(async { Ok(plan_dns(&target.session, &target.names, &target.config).await?) });
    let plan = plan.await?;
    printer.result(&as_json(&plan, false), || as_text(&plan));
    remark(&plan, printer);
    for refusal in plan.refusals() {
        printer.line(&format!("refused: {}", words(refusal)));
    }
    Ok(match (plan.refusals().next(), plan.is_needed()) {
        (Some(_), _) => exit::REFUSED,
        (None, true) => exit::DRIFT,
        (None, false) => exit::DONE,
    })
}

async fn apply(global: &Global, args: &DnsApply, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let Target { config, session, names } = &target;
    let plan = signals::or_interrupted(async { Ok(plan_dns(session, names, config).await?) }).await?;
    remark(&plan, printer);
    if !plan.is_needed() {
        printer.result(&as_json(&plan, true), || "nothing to do: Route 53 is as the configuration wants it".to_owned());
        return Ok(exit::DONE);
    }
    printer.line(&as_text(&plan));
    if plan.refusals().next().is_none() || !args.force.is_empty() {
        confirm(args.yes, "Change them?", printer)?;
    }
    let shown = as_json(&plan, true);
    let work = async { Ok(apply_dns(session, names, config, plan, &args.force).await?) };
    let done = signals::or_interrupted(work).await?;
    printer.result(&shown, || format!("done; {}", summary(&done.plan)));
    if let Ok(deployed) = target.deployed().await
        && deployed.deployment.checks != done.checks
    {
        printer.line("the functions still name other health checks: run `pointsman deploy`");
    }
    Ok(exit::DONE)
}

fn remark(plan: &DnsPlan, printer: &Printer) {
    for warning in plan.warnings() {
        printer.line(&format!("warning: {}", words(warning)));
    }
}

fn words(remark: &Remark) -> String {
    format!("{} [{}]", remark.text, remark.code)
}

/// The changes as data, whether they are planned or carried out.
fn as_json(plan: &DnsPlan, applied: bool) -> Value {
    let remarks = |remarks: Vec<&Remark>| {
        remarks.into_iter().map(|remark| json!({ "code": remark.code, "text": remark.text })).collect::<Vec<_>>()
    };
    let changes = plan.services.iter().flat_map(|service| {
        let checks = service.checks.iter().map(|check| check_json(service, check));
        checks.chain(service.records.groups.iter().map(|group| group_json(service, group)))
    });
    json!({
        "applied": applied,
        "changes": changes.collect::<Vec<_>>(),
        "warnings": remarks(plan.warnings().collect()),
        "refusals": remarks(plan.refusals().collect()),
    })
}

fn check_json(service: &ServiceDns, check: &CheckDiff) -> Value {
    let (region, child) = match &check.wanted.of {
        CheckOf::Region(region) => (Some(region), None),
        CheckOf::Child { of, place } => (Some(of), Some(place)),
        CheckOf::AlwaysUnhealthy => (None, None),
    };
    json!({
        "what": "check",
        "action": check_step(check).to_string(),
        "service": service.service.name,
        "region": region,
        "child": child,
        "id": check.held.as_ref().map(|held| &held.id),
        "differing": check.differing,
        "before": check.held.as_ref().map(|held| &held.settings),
        "after": check.wanted.settings,
    })
}

fn group_json(service: &ServiceDns, group: &GroupDiff) -> Value {
    let sets = |sets: &[RecordSet]| sets.iter().map(GivenSet::from).collect::<Vec<_>>();
    json!({
        "what": "record",
        "action": group.step.to_string(),
        "service": service.service.name,
        "zone": service.service.hosted_zone,
        "name": group.name.to_string(),
        "type": group.kind.to_string(),
        "before": sets(&group.before),
        "after": sets(&group.after),
    })
}

fn check_step(check: &CheckDiff) -> Step {
    match &check.held {
        None => Step::Create,
        Some(_) if check.differing.is_empty() => Step::Leave,
        Some(_) => Step::Change,
    }
}

fn as_text(plan: &DnsPlan) -> String {
    let mut lines = Vec::new();
    for service in &plan.services {
        let first = service.records.slots.first().map(|slot| slot.region.to_string()).unwrap_or_default();
        lines.push(format!("{} in zone {}: {first} first", service.service.name, service.service.hosted_zone));
        for check in &service.checks {
            let of = match &check.wanted.of {
                CheckOf::Region(region) => region.to_string(),
                CheckOf::Child { of, place } => format!("{of}, child {place}"),
                CheckOf::AlwaysUnhealthy => "always unhealthy".to_owned(),
            };
            let step = check_step(check);
            lines.push(format!("  {step:<7} check of {of}{}", check_words(check, step)));
        }
        for group in &service.records.groups {
            lines.push(format!("  {:<7} {} {}", group.step.to_string(), group.name, group.kind));
            if group.step != Step::Leave {
                lines.extend(group.before.iter().map(|set| format!("          - {}", set_words(set))));
                lines.extend(group.after.iter().map(|set| format!("          + {}", set_words(set))));
            }
        }
    }
    lines.push(summary(plan));
    lines.join("\n")
}

fn check_words(check: &CheckDiff, step: Step) -> String {
    match step {
        Step::Create => format!(": {}", settings_words(&check.wanted.settings)),
        Step::Change => format!(": {} were changed by somebody, or in the configuration", check.differing.join(", ")),
        _ => String::new(),
    }
}

fn settings_words(settings: &CheckSettings) -> String {
    let kind = settings.r#type.as_deref().unwrap_or_default();
    if let Some(alarm) = &settings.alarm_identifier {
        return format!("{kind} of {} in {}", alarm.name, alarm.region);
    }
    if let Some(children) = &settings.child_health_checks {
        let least = settings.health_threshold.unwrap_or_default();
        return format!("{kind} at least {least} of {}", children.child_health_check.join(", "));
    }
    let place = settings.ip_address.as_ref().or(settings.fully_qualified_domain_name.as_ref());
    let place = place.map(String::as_str).unwrap_or_default();
    let path = settings.resource_path.as_deref().unwrap_or_default();
    format!("{kind} {place}:{}{path}", settings.port.unwrap_or_default())
}

fn set_words(set: &RecordSet) -> String {
    let routing = match &set.routing {
        Routing::Simple => String::new(),
        Routing::Failover { role, .. } => format!("{role} "),
        Routing::Weighted { id, weight } => format!("{id}, weight {weight}: "),
    };
    let target = match &set.target {
        route53::Target::Values { ttl, values } => format!("{} for {ttl} s", values.join(", ")),
        route53::Target::Alias { name, .. } => format!("alias of {name}"),
    };
    let check = set.health_check.as_ref().map(|check| format!(", check {check}")).unwrap_or_default();
    format!("{routing}{target}{check}")
}

/// How many there are of each step, in words.
fn summary(plan: &DnsPlan) -> String {
    let steps: Vec<_> = plan
        .services
        .iter()
        .flat_map(|service| {
            let groups = service.records.groups.iter().map(|group| group.step);
            service.checks.iter().map(check_step).chain(groups)
        })
        .collect();
    let count = |step| steps.iter().filter(|it| **it == step).count();
    let all = [Step::Create, Step::Adopt, Step::Change, Step::Remove, Step::Leave];
    all.map(|step| format!("{step} {}", count(step))).join(", ")
}
