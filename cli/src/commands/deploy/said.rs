//! What happens in a deployment, in words.

use aws::{Applied, Preview, Progress, Records, StackAction};
use domain::RegionName;

use owo_colors::OwoColorize;

use crate::printer::{Activity, Regions, Thing};

/// What has just been done, in words.
struct Said {
    /// Of one region alone.
    region: Option<RegionName>,
    text: String,
    /// The same beside the region's name, without a stack's.
    short: String,
    weight: Weight,
    /// What is done by it, for a region's bar to count.
    done: Option<Thing>,
}

/// How long it is shown, and how loudly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Passes,
    Stays,
    /// Stays too, and is what is looked for among all that does.
    Fails,
}

/// A resource as bars count it.
pub(super) fn thing(region: &RegionName, stack: &str, resource: &str) -> Thing {
    (region.clone(), format!("{stack} {resource}"))
}

impl Said {
    fn stays(text: String) -> Self {
        Self { region: None, short: String::new(), text, weight: Weight::Stays, done: None }
    }

    /// The line that stays of it.
    fn line(&self) -> Option<String> {
        match self.weight {
            Weight::Passes => None,
            Weight::Stays => Some(self.text.clone()),
            Weight::Fails => Some(self.text.red().to_string()),
        }
    }

    fn of(progress: &Progress) -> Self {
        match progress {
            Progress::Resource(event) => {
                let text = format!("{} {} {}: {}", event.region, event.stack, event.resource, event.status);
                let failed = event.status.ends_with("_FAILED");
                let text = match &event.reason {
                    Some(reason) if failed => format!("{text}: {reason}"),
                    _ => text,
                };
                let done = event.status.ends_with("_COMPLETE");
                let done = done.then(|| thing(&event.region, &event.stack, &event.resource));
                let short = format!("{}: {}", event.resource, event.status);
                let weight = if failed { Weight::Fails } else { Weight::Passes };
                Self { region: Some(event.region.clone()), text, short, weight, done }
            }
            Progress::Recovery { region, stack, recovery } => Self::stays(format!("{region} {stack}: {recovery}")),
            Progress::GoesBack => {
                Self::stays("a region failed: the others are brought back to what they were".to_owned())
            }
            Progress::Removed { region, stack } => Self::stays(format!("{region} {stack}: removed")),
            Progress::Stack { region, stack, applied } => {
                let word = match applied {
                    Applied::Created => "created",
                    Applied::Updated => "updated",
                    Applied::Unchanged => "no changes",
                };
                Self::stays(format!("{region} {stack}: {word}"))
            }
            Progress::Checks(count) => Self::stays(format!("route 53: {count} health checks")),
            Progress::Records { service, found } => {
                let word = match found {
                    Records::Made => "made",
                    Records::There => "are there",
                    Records::Differ => "differ from the configuration, and stay as they are; see `pointsman dns plan`",
                };
                Self::stays(format!("route 53: records of {service} {word}"))
            }
            Progress::Code { region, function } => Self::stays(format!("{region} {function}: runs the new code")),
            Progress::Invoked { region, function } => Self::stays(format!("{region} {function}: runs")),
        }
    }
}

/// Shows what a deployment has just done.
pub(crate) fn show(activity: &Activity, progress: &Progress) {
    let said = Said::of(progress);
    match said.line() {
        Some(line) => activity.done(&line),
        None => activity.doing(&said.text),
    }
}

/// The same with a bar a region.
pub(super) fn show_regions(regions: &Regions, progress: &Progress) {
    let said = Said::of(progress);
    if let Some(line) = said.line() {
        regions.line(&line);
    }
    if let Some(region) = &said.region {
        regions.doing(region, &said.short);
    }
    if let Some(done) = &said.done {
        regions.step(done);
    }
}

/// A preview in words: stacks that stay as they are aside.
pub(super) fn changes(preview: &Preview) -> String {
    let mut lines = Vec::new();
    for stack in preview.stacks.iter().filter(|stack| stack.action != StackAction::Leave) {
        lines.push(format!("{} {} in {}", stack.action, stack.stack, stack.region));
        lines.extend(stack.recovery.iter().map(|recovery| format!("  it {recovery}")));
        lines.extend(stack.changes.iter().map(|change| {
            let replaced = if change.replaces { ", which is replaced" } else { "" };
            format!("  {:<6} {} ({}){replaced}", change.action, change.resource, change.kind)
        }));
    }
    if lines.is_empty() {
        lines.push("no stack changes".to_owned());
    }
    if preview.health_checks > 0 {
        lines.push(format!("make or mend {} health checks of Route 53", preview.health_checks));
    }
    lines.extend(preview.records.iter().map(|service| format!("make the records of {service}")));
    lines.join("\n")
}
