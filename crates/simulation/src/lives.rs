//! Many lives at once, shared out among threads; the sum does not tell who lived which.

use std::thread;

use crate::Tally;

/// So many lives, on so many threads.
///
/// # Panics
///
/// When a life does.
#[must_use]
pub fn lives(count: u64, threads: usize, live: impl Fn(u64) -> Tally + Sync) -> Tally {
    let share = |thread: u64| {
        let mut tally = Tally::default();
        (thread..count).step_by(threads.max(1)).for_each(|number| tally.merge(&live(number)));
        tally
    };
    thread::scope(|scope| {
        let share = &share;
        let running: Vec<_> =
            (0..count.min(threads.max(1) as u64)).map(|thread| scope.spawn(move || share(thread))).collect();
        let mut all = Tally::default();
        for thread in running {
            all.merge(&thread.join().expect("a simulated life does not panic"));
        }
        all
    })
}
