//! Clients with DNS caches of their own: where each goes, and whether it is served, second by second.

use crate::chance::{Chance, Lane};

/// Clients that ask anew when a TTL is over; all of them alike but for when that is.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    ttl: u64,
    /// Where each goes, and until when; those that ignore TTLs for ever.
    cached: Vec<(usize, u64)>,
    /// All go to this region, and so they will until the answer changes.
    settled: Option<usize>,
    stale: usize,
    /// How many went to the answer's region in each of the last ten seconds, and which region that was.
    window: (usize, [usize; WINDOW]),
    /// The region that 95 % of ten seconds' requests went to first, and when those began.
    moved: Option<(usize, u64)>,
}

/// Seconds.
const WINDOW: usize = 10;

impl Clients {
    pub(crate) fn new((count, stale): (usize, usize), ttl: u64, seed: u64) -> Self {
        let mut chance = Chance::new(seed, ttl, Lane::World);
        let cached = |place| (0, if place < stale { u64::MAX } else { chance.between(1, ttl) });
        let cached = (0..count).map(cached).collect();
        Self { ttl, cached, settled: Some(0), stale, window: (0, [count; WINDOW]), moved: Some((0, 0)) }
    }

    /// The answer is another one from now on: what is cached was asked for before.
    pub(crate) fn unsettle(&mut self, now: u64) {
        if self.settled.take().is_some() {
            for (_, until) in self.cached.iter_mut().filter(|(_, until)| *until <= now) {
                *until = now - (now - *until) % self.ttl + self.ttl;
            }
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.is_some()
    }

    /// The region that 95 % of ten seconds' requests reached, and when the first such ten seconds began.
    pub(crate) fn moved(&self) -> Option<(usize, u64)> {
        self.moved
    }

    /// One second that begins now; the share of its requests that succeed.
    pub(crate) fn second(&mut self, now: u64, answer: usize, success: &[f64]) -> f64 {
        if let Some(region) = self.settled {
            return success[region];
        }
        let (mut served, mut here) = (0.0, 0_usize);
        for (region, until) in &mut self.cached {
            // Without a reckoning at every request, phases are kept: it asked as soon as its TTL was over.
            if *until <= now {
                let late = (now - *until) % self.ttl;
                (*region, *until) = (answer, now - late + self.ttl);
            }
            served += success[*region];
            here += usize::from(*region == answer);
        }
        let all = self.cached.len();
        let (region, window) = &mut self.window;
        if *region != answer {
            (*region, *window) = (answer, [0; WINDOW]);
        }
        window.rotate_left(1);
        window[WINDOW - 1] = here;
        let together: usize = window.iter().sum();
        if together * 100 < all * WINDOW * 95 {
            self.moved = self.moved.filter(|(region, _)| *region != answer);
        } else if self.moved.is_none_or(|(region, _)| region != answer) {
            self.moved = Some((answer, now.saturating_sub(1_000 * (WINDOW as u64 - 1))));
        }
        if self.stale == 0 && together == all * WINDOW {
            self.settled = Some(answer);
        }
        served / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_follow_within_a_ttl_and_stale_ones_never() {
        let mut clients = Clients::new((20, 0), 20_000, 1);
        clients.unsettle(999_500);
        let at_once = clients.second(1_000_000, 1, &[0.0, 1.0]);
        let half = (1..=10).map(|second| clients.second(1_000_000 + second * 1_000, 1, &[0.0, 1.0])).last().unwrap();
        assert!(at_once < half && (0.2..0.8).contains(&half), "{at_once} {half}");
        for second in 11..=30 {
            clients.second(1_000_000 + second * 1_000, 1, &[0.0, 1.0]);
        }
        assert!(clients.is_settled());
        let (region, since) = clients.moved().unwrap();
        assert!(region == 1 && (1_005_000..1_019_000).contains(&since), "{since}");
        let mut clients = Clients::new((20, 10), 20_000, 1);
        clients.unsettle(0);
        let shares: Vec<_> = (0..60).map(|second| clients.second(second * 1_000, 1, &[0.0, 1.0])).collect();
        assert_eq!((shares[59], clients.is_settled()), (0.5, false));
    }
}
