//! Chance as a function of where it is asked for, so that a stretch that is skipped changes nothing after it.

/// Draws of one place: a seed, a moment, and who asks.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

/// Who asks; two that ask in the same moment draw apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lane {
    /// The world before it begins.
    World,
    /// An observer's round.
    Observer(usize),
    /// A region's health checkers.
    Checkers(usize),
    /// The single prober.
    Prober,
    /// A tick of the failover function.
    Tick,
}

impl Lane {
    const fn number(self) -> u64 {
        match self {
            Self::World => 0,
            Self::Prober => 1,
            Self::Tick => 2,
            Self::Observer(place) => 16 + place as u64,
            Self::Checkers(place) => 4096 + place as u64,
        }
    }
}

impl Chance {
    pub(crate) fn new(seed: u64, moment: u64, lane: Lane) -> Self {
        let mut chance = Self(seed ^ lane.number().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let lane = chance.next();
        Self(lane ^ moment.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// `SplitMix64`: a place's few draws need no generator that takes longer to seed than to draw from.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens; certain things cost no draw.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && (probability >= 1.0 || self.share() < probability)
    }

    /// Milliseconds between two bounds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a difference fits")]
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + (self.share() * (high - low) as f64) as u64
    }

    /// Milliseconds with this mean, mostly shorter and now and then much longer.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 37 times the mean")]
    pub(crate) fn about(&mut self, mean: u64) -> u64 {
        (-(1.0 - self.share()).ln() * mean as f64) as u64
    }

    /// One of so many.
    pub(crate) fn one_of(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_draws_the_same_and_others_do_not() {
        let draw = |seed, moment, lane| Chance::new(seed, moment, lane).next();
        assert_eq!(draw(1, 2, Lane::Observer(0)), draw(1, 2, Lane::Observer(0)));
        let all = [
            draw(1, 2, Lane::Observer(0)),
            draw(1, 2, Lane::Observer(1)),
            draw(1, 3, Lane::Observer(0)),
            draw(2, 2, Lane::Observer(0)),
            draw(1, 2, Lane::Tick),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn shares_are_even() {
        let mut chance = Chance::new(7, 0, Lane::World);
        let hits = (0..100_000).filter(|_| chance.happens(0.2)).count();
        assert!((19_500..20_500).contains(&hits), "{hits}");
    }
}
