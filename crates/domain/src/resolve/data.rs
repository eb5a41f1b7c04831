//! What a region's data rest on: metrics, each checked to be heard when it is needed, buckets, secrets and backups.

use std::collections::BTreeMap;

use crate::{
    Backup, Metric, Period, Region, RegionName, ReplicationLag, Statistic, TimeUnit,
    file::{BackupFile, CapacityFile, LagFile},
    place::{
        Problems,
        Segment::{self, Index, Key},
        at,
    },
};

/// `CloudWatch`'s newest whole minute is so old, and its points are a minute apart.
const SHORTEST_LIFE: Period = Period::seconds(120);
/// What was true so long ago says nothing of what would be lost now.
const LONGEST_LIFE: Period = Period::seconds(3_600);
/// AWS Backup's plans run hourly at most.
const SHORTEST_AGE: Period = Period::seconds(3_600);
/// A metric has no more.
const MAX_DIMENSIONS: usize = 30;

/// Whose metric it is, among which regions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) region: &'a RegionName,
    pub(super) all: &'a [RegionName],
}

impl LagFile {
    pub(super) fn resolve(self, whose: Whose<'_>, path: &[Segment], problems: &mut Problems) -> Option<ReplicationLag> {
        let before = problems.len();
        let Self { region, namespace, metric, dimensions, statistic, unit, stale_after } = self;
        let region = region.unwrap_or_else(|| whose.region.clone());
        if region != *whose.region && whose.all.contains(&region) {
            let why = format!(
                "{region} may be the region that is left: while that is down, nobody hears the metric; it lives in {} or where nothing serves",
                whose.region
            );
            problems.add(&at(path, &[Key("region")]), why);
        }
        let documented = TimeUnit::documented(&namespace, &metric);
        match (unit, documented) {
            (Some(given), Some(known)) if given != known => {
                problems.add(&at(path, &[Key("unit")]), format!("AWS's {metric} counts in {known}, not in {given}"));
            }
            (None, None) => {
                problems.add(path, format!("say what {metric} counts in: `unit` is \"us\", \"ms\" or \"s\""));
            }
            _ => {}
        }
        let stale_after = stale_after.unwrap_or(Period::seconds(300));
        if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&stale_after) {
            let why = format!(
                "{stale_after} is not between {SHORTEST_LIFE}, the age of CloudWatch's newest minute, and {LONGEST_LIFE}"
            );
            problems.add(&at(path, &[Key("stale_after")]), why);
        }
        let statistic = statistic.unwrap_or(Statistic::Maximum);
        let metric = Metric { region, namespace, name: metric, dimensions, statistic };
        check(&metric, path, problems);
        let unit = unit.or(documented)?;
        (problems.len() == before).then_some(ReplicationLag { metric, unit, stale_after })
    }
}

impl CapacityFile {
    pub(super) fn resolve(self, of: &RegionName, path: &[Segment], problems: &mut Problems) -> Metric {
        let Self { region, namespace, metric, dimensions, statistic } = self;
        let region = region.unwrap_or_else(|| of.clone());
        let statistic = statistic.unwrap_or(Statistic::Minimum);
        let metric = Metric { region, namespace, name: metric, dimensions, statistic };
        check(&metric, path, problems);
        metric
    }
}

impl BackupFile {
    pub(super) fn resolve(self, of: &RegionName, path: &[Segment], problems: &mut Problems) -> Backup {
        let Self { region, vault, resource, max_age } = self;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(2..=50).contains(&vault.len()) || !vault.bytes().all(allowed) {
            let why = format!("`{vault}` is not a vault's name: 2 to 50 of letters, digits, - and _");
            problems.add(&at(path, &[Key("vault")]), why);
        }
        if resource.as_ref().is_some_and(|resource| !resource.starts_with("arn:")) {
            problems.add(&at(path, &[Key("resource")]), "is an ARN: `aws backup list-protected-resources` shows it");
        }
        if max_age < SHORTEST_AGE {
            let why = format!("{max_age} is less than {SHORTEST_AGE}, and AWS Backup makes none more often");
            problems.add(&at(path, &[Key("max_age")]), why);
        }
        Backup { region: region.unwrap_or_else(|| of.clone()), vault, resource, max_age }
    }
}

/// Refuses what could be no bucket, so that a typing error is found here.
pub(super) fn check_buckets(buckets: &[String], path: &[Segment], problems: &mut Problems) {
    let path = at(path, &[Key("buckets")]);
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    for (place, bucket) in buckets.iter().enumerate() {
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(allowed) {
            let why = format!("`{bucket}` is not a bucket's name: 3 to 63 of a-z, 0-9, - and dots");
            problems.add(&at(&path, &[Index(place)]), why);
        }
    }
    problems.unique(&path, "bucket", buckets, None);
}

/// Refuses what could be no secret: an ARN too, since it names one region.
pub(super) fn check_secrets(secrets: &[String], path: &[Segment], problems: &mut Problems) {
    let path = at(path, &[Key("secrets")]);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    for (place, secret) in secrets.iter().enumerate() {
        if !(1..=512).contains(&secret.len()) || !secret.bytes().all(allowed) {
            let why = format!("`{secret}` is not a secret's name: 1 to 512 of letters, digits and /_+=.@-");
            problems.add(&at(&path, &[Index(place)]), why);
        }
    }
    problems.unique(&path, "secret", secrets, None);
}

/// Each bucket and each secret has its counterpart in every region.
pub(super) fn check_counterparts(regions: &[Region], path: &[Segment], problems: &mut Problems) {
    let Some((first, others)) = regions.split_first() else { return };
    for (index, region) in others.iter().enumerate() {
        let counts = [
            ("buckets", region.buckets.len(), first.buckets.len()),
            ("secrets", region.secrets.len(), first.secrets.len()),
        ];
        for (key, here, there) in counts {
            if here != there {
                let why = format!(
                    "{here} here and {there} in the first region: each goes with the one in the same place there"
                );
                problems.add(&at(path, &[Key("region"), Index(index + 1), Key(key)]), why);
            }
        }
    }
}

fn check(metric: &Metric, path: &[Segment], problems: &mut Problems) {
    let mut must = |text: &str, key| {
        if !(1..=255).contains(&text.chars().count()) {
            problems.add(&at(path, &[Key(key)]), "has 1 to 255 characters");
        }
    };
    must(&metric.namespace, "namespace");
    must(&metric.name, "metric");
    let wrong = |dimensions: &BTreeMap<String, String>| {
        dimensions.len() > MAX_DIMENSIONS || dimensions.iter().any(|(name, value)| name.is_empty() || value.is_empty())
    };
    if wrong(&metric.dimensions) {
        let why = format!("a metric has at most {MAX_DIMENSIONS} dimensions, each with a name and a value");
        problems.add(&at(path, &[Key("dimensions")]), why);
    }
}
