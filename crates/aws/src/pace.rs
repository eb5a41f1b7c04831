//! Route 53 lets an account make five requests a second (R42): ours wait for their turn rather than being refused.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use route53::RateLimit;

/// A little longer than a second, since requests do not arrive as evenly as they leave.
const SECOND: Duration = Duration::from_millis(1050);

/// The turns of one process.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    began: Instant,
    second: Duration,
    limit: Arc<Mutex<RateLimit>>,
}

impl Pace {
    /// `speed` is how much faster than life a lab is, else 1.
    pub(crate) fn new(speed: f64) -> Self {
        Self { began: Instant::now(), second: SECOND.div_f64(speed), limit: Arc::default() }
    }

    /// Waits for the next turn.
    pub(crate) async fn turn(&self) {
        loop {
            let wait = {
                let now = self.began.elapsed();
                let mut limit = self.limit.lock().expect("no holder of this lock panics");
                if limit.admit(now, self.second) {
                    return;
                }
                limit.free_in(now, self.second)
            };
            tokio::time::sleep(wait).await;
        }
    }
}
