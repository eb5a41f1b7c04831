//! Which policies contradict themselves, and why.

use crate::{Period, Policy};

impl Policy {
    /// Tells `wrong` of each key whose value can't hold beside the others. `ttl` is the record sets'.
    pub(crate) fn check(&self, observers: usize, ttl: Period, mut wrong: impl FnMut(&'static str, String)) {
        let mut must = |holds: bool, key, message: &dyn Fn() -> String| {
            if !holds {
                wrong(key, message());
            }
        };
        let Self { interval, timeout, down_after, up_after, quorum, min_observers, stale_after, cooldown, .. } = *self;
        must(interval >= Period::seconds(1), "interval", &|| {
            format!("{interval} is shorter than 1s, the shortest round")
        });
        must(timeout < interval, "timeout", &|| {
            format!("{timeout} is not shorter than the interval, {interval}: rounds would overlap")
        });
        must(timeout > Period::default(), "timeout", &|| "nothing can answer in no time".to_owned());
        must(down_after >= 1, "down_after", &|| "at least 1".to_owned());
        must(up_after > down_after, "up_after", &|| {
            format!("{up_after} is not more than down_after, {down_after}: returning must be slower than leaving")
        });
        must(quorum >= 2, "quorum", &|| "at least 2: one observer's word moves no traffic".to_owned());
        must(quorum <= observers, "quorum", &|| format!("{quorum} of {observers} observers can never agree"));
        must(min_observers >= quorum, "min_observers", &|| {
            format!("{min_observers} is less than the quorum, {quorum}")
        });
        must(min_observers <= observers, "min_observers", &|| {
            format!("{min_observers} of {observers} observers can never know")
        });
        must(stale_after.0 >= interval.0 * 3, "stale_after", &|| {
            format!("{stale_after} is less than three intervals of {interval}: one late round would count as silence")
        });
        must(cooldown >= ttl, "cooldown", &|| {
            format!(
                "{cooldown} is shorter than the TTL, {ttl}: clients would still be on their way when traffic moves again"
            )
        });
        must(self.verify_within.0 >= interval.0 * 2, "verify_within", &|| {
            format!(
                "{} is less than two intervals of {interval}: no observer could have seen the answer",
                self.verify_within
            )
        });
        let (budget, window) = (self.max_auto_failovers_per_hour, self.budget_window);
        // The first needs no cooldown before it.
        must(cooldown.0.saturating_mul(budget.saturating_sub(1)) < window.0, "max_auto_failovers_per_hour", &|| {
            format!("{budget} can never be used up in {window} with a cooldown of {cooldown}")
        });
    }
}
