//! Plans, made from what was decided: numbered, absolute, with the state that they expect to find.

use domain::{
    Actor, Arming, Epoch, Expectation, HoldReason, NativeReturn, Plan, PlanId, PlanKind, RegionName, Slot, Step,
};
use jiff::Timestamp;

use crate::{
    evidence::NativeHealth,
    reason::{later, push_number},
    scene::Scene,
    tally::Tally,
};

/// What was decided, before it is numbered.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) kind: PlanKind,
    pub(crate) from: &'a RegionName,
    pub(crate) to: &'a Tally<'a>,
    pub(crate) because: Vec<String>,
}

impl Draft<'_> {
    /// The plan that carries it out; not to be begun later than it would have to be verified.
    pub(crate) fn plan(self, scene: &Scene<'_>, by: Actor, forced: Vec<HoldReason>) -> Plan {
        let slots = self.slots(scene);
        let state = scene.state;
        let epoch = state.epoch.next();
        let to = self.to.region;
        Plan {
            id: self.id(epoch, scene.now),
            service: scene.service.name.clone(),
            epoch,
            kind: self.kind,
            from: self.from.clone(),
            to: to.clone(),
            by,
            made_at: scene.now,
            expires_at: later(scene.now, scene.service.policy.verify_within),
            expects: Expectation { fence: state.fence.clone(), slots: state.slots.clone() },
            steps: vec![Step::Switch(slots), Step::AwaitSync, Step::Verify(to.clone())],
            because: self.because,
            forced,
        }
    }

    /// The same for the same plan wherever it is computed, so that a replay is recognised. Of one epoch, plans differ in
    /// when they were made, what for and where to.
    fn id(&self, epoch: Epoch, now: Timestamp) -> PlanId {
        let (seconds, nanoseconds) = (now.as_second().to_le_bytes(), now.subsec_nanosecond().to_le_bytes());
        let to = self.to.region.as_str().as_bytes();
        let hash = fnv1a([&[self.kind as u8][..], to, &seconds, &nanoseconds]);
        let mut id = String::with_capacity(32);
        id.push('e');
        push_number(&mut id, epoch.0);
        id.push('-');
        id.extend(hash.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(hexadecimal));
        id.parse().expect("letters, digits and a hyphen are an identifier")
    }

    fn slots(&self, scene: &Scene<'_>) -> Vec<Slot> {
        let slot = |region: &RegionName, arming| Slot { region: region.clone(), arming };
        let before = |region: &RegionName| {
            let slot = scene.state.slots.iter().find(|slot| slot.region == *region);
            slot.map_or(Arming::Own, |slot| slot.arming)
        };
        let first = slot(self.to.region, Arming::Own);
        let others = scene.tallies.iter().filter(|tally| tally.rank != self.to.rank);
        let mut slots = Vec::with_capacity(scene.tallies.len());
        match self.kind {
            PlanKind::Failover | PlanKind::Latch => {
                // One that a person leaves while it is well goes on as a standby.
                let well = self.kind == PlanKind::Failover && scene.tally(self.from).is_some_and(is_whole);
                let left = match scene.service.policy.native_return {
                    NativeReturn::Forbid if !well => Arming::AlwaysUnhealthy,
                    NativeReturn::Forbid | NativeReturn::Allow => Arming::Own,
                };
                slots.push(first);
                // The one that is left comes last.
                let mut last = None;
                for tally in others {
                    if tally.region == self.from {
                        last = Some(slot(tally.region, left));
                    } else {
                        slots.push(slot(tally.region, before(tally.region)));
                    }
                }
                slots.extend(last);
            }
            PlanKind::Failback => {
                let arming = |tally: &Tally<'_>| if tally.is_up() { Arming::Own } else { before(tally.region) };
                slots.push(first);
                slots.extend(others.map(|tally| slot(tally.region, arming(tally))));
            }
            PlanKind::Rearm => {
                let own = |it: &Slot| it.region == *self.to.region || may_rearm(scene, it);
                let held = scene.state.slots.iter();
                slots.extend(held.map(|it| slot(&it.region, if own(it) { Arming::Own } else { it.arming })));
            }
        }
        slots
    }
}

/// Whether a region that Route 53 was kept from is up for long enough to be a standby again.
/// While its own check is unhealthy, putting that back would change nothing.
pub(crate) fn may_rearm(scene: &Scene<'_>, slot: &Slot) -> bool {
    slot.arming == Arming::AlwaysUnhealthy && scene.tally(&slot.region).is_some_and(is_whole)
}

fn is_whole(tally: &Tally<'_>) -> bool {
    tally.is_up_for_long() && tally.native != NativeHealth::Unhealthy
}

/// FNV-1a: stable over builds and platforms, unlike the standard library's hasher.
fn fnv1a<const PARTS: usize>(parts: [&[u8]; PARTS]) -> u32 {
    let mut hash = 0x811c_9dc5;
    for part in parts {
        for byte in part {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
    hash
}

fn hexadecimal(digit: u8) -> char {
    char::from_digit(digit.into(), 16).expect("half a byte is one digit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a([]), 0x811c_9dc5);
        assert_eq!(fnv1a([b"a"]), 0xe40c_292c);
        assert_eq!(fnv1a([b"foo", b"bar"]), 0xbf9c_f968);
    }

    #[test]
    fn digits_are_hexadecimal() {
        assert_eq!((0..16).map(hexadecimal).collect::<String>(), "0123456789abcdef");
    }
}
