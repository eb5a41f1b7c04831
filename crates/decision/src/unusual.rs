//! What the observers' forests say of a region, all together.

use std::{collections::BTreeMap, fmt};

use domain::{Reason, Sign};

use crate::tally::Tally;

/// Reasons that are told.
const REASONS: usize = 2;

/// Observers that find a region unusual, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Unusual {
    /// The strongest reasons of all of them, two at most.
    pub reasons: Vec<Reason>,
    /// How many find it so.
    pub seen_by: usize,
    /// Of how many that know.
    pub known: usize,
}

impl Tally<'_> {
    /// What observers find unusual about the region; none where nobody does.
    #[must_use]
    pub fn unusual(&self) -> Option<Unusual> {
        let views = || self.votes.iter().map(|vote| vote.view).filter(|view| view.anomalous);
        let seen_by = views().count();
        if seen_by == 0 {
            return None;
        }
        let mut signs: BTreeMap<Sign, (f64, Vec<f64>)> = BTreeMap::new();
        for reason in views().filter_map(|view| view.anomaly.as_ref()).flat_map(|anomaly| anomaly.reasons()) {
            let (share, times) = signs.entry(reason.sign).or_default();
            *share += reason.share / seen_by as f64;
            times.extend(reason.times);
        }
        let mut reasons: Vec<_> = signs
            .into_iter()
            .map(|(sign, (share, mut times))| {
                times.sort_by(f64::total_cmp);
                Reason { sign, times: times.get(times.len() / 2).copied(), share }
            })
            .collect();
        reasons.sort_by(|one, other| other.share.total_cmp(&one.share));
        reasons.truncate(REASONS);
        Some(Unusual { reasons, seen_by, known: self.votes.len() })
    }
}

/// `time to first byte 4.1 × usual and the answer set changed: seen by 3 of 3`.
impl fmt::Display for Unusual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<_> = self.reasons.iter().map(Reason::to_string).collect();
        let reasons = if reasons.is_empty() { "unusual".to_owned() } else { reasons.join(" and ") };
        write!(f, "{reasons}: seen by {} of {}", self.seen_by, self.known)
    }
}

#[cfg(test)]
mod tests {
    use domain::Anomaly;

    use super::*;
    use crate::fixture::World;

    fn unusual(world: &World) -> Option<Unusual> {
        let hearing = world.evidence.hear(world.service(), world.now);
        let tallies = Tally::all(world.service(), &hearing, &world.evidence);
        tallies[0].unusual()
    }

    #[test]
    fn the_strongest_reasons_of_all_are_told_with_who_sees_them() {
        let mut world = World::new();
        assert_eq!(unusual(&world), None);
        let seen = [("us-east-2", 4.0), ("us-west-2", 4.1), ("ca-central-1", 9.0)];
        for (place, (observer, times)) in seen.into_iter().enumerate() {
            let view = world.sighting(observer).observation.regions.get_mut("us-east-1").unwrap();
            view.anomalous = true;
            let reason = |sign, times, share| Reason { sign, times, share };
            let mut reasons = vec![reason(Sign::FirstByteTime, Some(times), 0.6), reason(Sign::Answers, None, 0.3)];
            if place == 0 {
                reasons[1] = reason(Sign::Ttl, Some(0.1), 0.4);
            }
            view.anomaly = Some(Anomaly::Scored { score: 0.9, alert: false, episode: None, reasons });
        }
        let expected = "time to first byte 4.1 × usual and the answer set changed: seen by 3 of 3";
        let unusual = unusual(&world).unwrap();
        assert_eq!(unusual.to_string(), expected);
        for (reason, share) in unusual.reasons.iter().zip([0.6, 0.2]) {
            assert!((reason.share - share).abs() < 1e-9, "on average: {reason:?}");
        }
    }
}
