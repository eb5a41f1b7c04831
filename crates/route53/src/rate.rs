//! How many requests an account may make (R42).

use std::collections::VecDeque;
use std::time::Duration;

/// Requests of an account in any second.
const REQUESTS: usize = 5;

/// The requests that were let in lately. Time is given since any fixed beginning, and does not go back.
#[derive(Debug, Clone, Default)]
pub struct RateLimit {
    let_in: VecDeque<Duration>,
}

impl RateLimit {
    /// Whether a request at this time is let in; what is refused does not count. `second` is how long a second is.
    pub fn admit(&mut self, now: Duration, second: Duration) -> bool {
        while self.let_in.front().is_some_and(|first| now.saturating_sub(*first) >= second) {
            self.let_in.pop_front();
        }
        let free = self.let_in.len() < REQUESTS;
        if free {
            self.let_in.push_back(now);
        }
        free
    }

    /// How long until the next request would be let in.
    #[must_use]
    pub fn free_in(&self, now: Duration, second: Duration) -> Duration {
        let first = self.let_in.front().filter(|_| self.let_in.len() >= REQUESTS);
        first.map_or(Duration::ZERO, |first| (*first + second).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn admitted(at_ms: &[u64], second: Duration) -> Vec<bool> {
        let mut limit = RateLimit::default();
        at_ms.iter().map(|at| limit.admit(Duration::from_millis(*at), second)).collect()
    }

    #[test]
    fn r42_five_requests_a_second_and_no_more() {
        assert_eq!(admitted(&[0, 0, 0, 0, 0, 0], SECOND), [true, true, true, true, true, false]);
        let spread = [0, 200, 400, 600, 800, 999, 1000, 1001, 1200];
        assert_eq!(admitted(&spread, SECOND), [true, true, true, true, true, false, true, false, true]);
    }

    #[test]
    fn r42_what_is_refused_does_not_count() {
        let mut all = vec![0; 100];
        all.push(1000);
        let admitted = admitted(&all, SECOND);
        assert_eq!(admitted.iter().filter(|let_in| **let_in).count(), 6);
        assert_eq!(admitted.last(), Some(&true));
    }

    #[test]
    fn r42_who_waits_as_long_as_told_is_let_in() {
        let mut limit = RateLimit::default();
        let mut now = Duration::ZERO;
        for n in 0..12 {
            let wait = limit.free_in(now, SECOND);
            assert_eq!(wait.is_zero(), n % 5 != 0 || n == 0, "request {n}");
            now += wait;
            assert!(limit.admit(now, SECOND));
        }
    }

    #[test]
    fn r42_a_faster_life_has_shorter_seconds() {
        assert_eq!(admitted(&[0, 0, 0, 0, 0, 99, 100], SECOND / 10)[5..], [false, true]);
        assert!(admitted(&[0; 20], Duration::ZERO).iter().all(|let_in| *let_in));
    }
}
