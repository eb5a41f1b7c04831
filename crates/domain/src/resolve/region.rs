//! One place that can serve.

use std::net::IpAddr;

use route53::limits::CLOUDFRONT;

use super::data::{self, Whose};
use crate::{
    Alarm, AliasTarget, Endpoint, Region, RegionName, Targets,
    file::{AlarmFile, AliasFile, RegionFile},
    place::{
        Problems,
        Segment::{self, Index, Key},
        at,
    },
};

/// Refuses regions that answer other types than the first, and those whose answers could not be told apart.
pub(super) fn tell_apart(regions: &[Region], path: &[Segment], problems: &mut Problems) {
    let is_cloudfront =
        |region: &Region| region.targets.alias.as_ref().is_some_and(|it| it.zone.as_str() == CLOUDFRONT);
    for (index, region) in regions.iter().enumerate().skip(1) {
        if region.targets.record_types() != regions[0].targets.record_types() {
            problems.add(
                &at(path, &[Index(index)]),
                "answers other record types than the first region: a switch would leave the missing type behind",
            );
        }
        let same = |other: &&Region| other.targets == region.targets || (is_cloudfront(other) && is_cloudfront(region));
        if let Some(other) = regions[..index].iter().find(same) {
            let why = format!("answers as {} does: nobody could tell which of the two is active", other.name);
            problems.add(&at(path, &[Index(index)]), why);
        }
    }
}

impl RegionFile {
    pub(super) fn resolve(self, all: &[RegionName], path: &[Segment], problems: &mut Problems) -> Option<Region> {
        let addresses = !self.a.is_empty() || !self.aaaa.is_empty();
        if [addresses, self.cname.is_some(), self.alias.is_some()].into_iter().filter(|given| *given).count() != 1 {
            problems.add(path, "give either addresses (`a`, `aaaa`), a `cname` or an `alias`");
            return None;
        }
        let alias = self.alias.map(|alias| alias.resolve(&at(path, &[Key("alias")]), problems));
        let first = self.a.first().map(|a| IpAddr::V4(*a)).or(self.aaaa.first().map(|a| IpAddr::V6(*a)));
        let targets = Targets { a: self.a, aaaa: self.aaaa, cname: self.cname, alias };
        let endpoint = match (self.endpoint, first) {
            (Some(text), _) => match (text.parse(), text.parse()) {
                (Ok(address), _) => Endpoint::Address(address),
                (_, Ok(name)) => Endpoint::Name(name),
                (_, Err(error)) => {
                    problems.add(&at(path, &[Key("endpoint")]), error.to_string());
                    return None;
                }
            },
            (None, Some(address)) => Endpoint::Address(address),
            (None, None) => Endpoint::Name(targets.name()?.clone()),
        };
        let alarm = self.alarm.and_then(|alarm| {
            let path = at(path, &[Key("alarm")]);
            if alarm.region == self.name {
                let why = "is the region that the alarm speaks of: while that is down, nobody hears it";
                problems.add(&at(&path, &[Key("region")]), format!("{} {why}", alarm.region));
                return None;
            }
            alarm.resolve(&path, problems)
        });
        let check = self.check.and_then(|check| check.resolve(&self.name, &at(path, &[Key("check")]), problems));
        let whose = Whose { region: &self.name, all };
        let mut replication_lag = Vec::new();
        for (index, lag) in self.replication_lag.into_iter().enumerate() {
            replication_lag.extend(lag.resolve(whose, &at(path, &[Key("replication_lag"), Index(index)]), problems));
        }
        let capacity = self.capacity.map(|it| it.resolve(&self.name, &at(path, &[Key("capacity")]), problems));
        data::check_buckets(&self.buckets, path, problems);
        let buckets = self.buckets;
        data::check_secrets(&self.secrets, path, problems);
        let backups =
            self.backups.into_iter().enumerate().map(|(index, backup)| {
                backup.resolve(&self.name, &at(path, &[Key("backups"), Index(index)]), problems)
            });
        Some(Region {
            backups: backups.collect(),
            name: self.name,
            targets,
            endpoint,
            alarm,
            check,
            replication_lag,
            capacity,
            buckets,
            secrets: self.secrets,
        })
    }
}

impl AlarmFile {
    pub(super) fn resolve(self, path: &[Segment], problems: &mut Problems) -> Option<Alarm> {
        let Self { region, name } = self;
        if !(1..=255).contains(&name.chars().count()) {
            problems.add(&at(path, &[Key("name")]), "an alarm's name has 1 to 255 characters");
            return None;
        }
        Some(Alarm { region, name })
    }
}

impl AliasFile {
    fn resolve(self, path: &[Segment], problems: &mut Problems) -> AliasTarget {
        let Self { name, zone, evaluate_target_health, ipv6 } = self;
        let is_cloudfront = zone.as_str() == CLOUDFRONT;
        if is_cloudfront && evaluate_target_health == Some(true) {
            let why = "Route 53 can't evaluate the health of a CloudFront distribution";
            problems.add(&at(path, &[Key("evaluate_target_health")]), why);
        }
        let evaluate_target_health = evaluate_target_health.unwrap_or(!is_cloudfront);
        AliasTarget { name, zone, evaluate_target_health, ipv6: ipv6.unwrap_or(true) }
    }
}
