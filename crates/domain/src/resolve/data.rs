//! What a region's data rest on: metrics, each checked to be heard when it is needed.

use std::collections::BTreeMap;

use crate::{
    Metric, Period, Region, RegionName, ReplicationLag, Statistic, TimeUnit,
    file::{CapacityFile, LagFile},
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

/// Each bucket has its mirror in every region.
pub(super) fn check_mirrors(regions: &[Region], path: &[Segment], problems: &mut Problems) {
    let mirrored = regions.first().map_or(0, |first| first.buckets.len());
    for (index, region) in regions.iter().enumerate().skip(1) {
        let given = region.buckets.len();
        if given != mirrored {
            let why = format!(
                "{given} here and {mirrored} in the first region: each mirrors the one in the same place there"
            );
            problems.add(&at(path, &[Key("region"), Index(index), Key("buckets")]), why);
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
