//! A thread a core that does nothing but burn.

use std::{
    hint::black_box,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// The threads' name, as the kernel shows it.
pub(super) const THREAD: &str = "burner";

/// So much is computed between two looks at whether to end: far less than a time slice.
const TURN: u64 = 10_000;

/// Burning threads. Dropped, they end.
#[derive(Debug)]
pub(super) struct Burners {
    ended: Arc<AtomicBool>,
}

impl Burners {
    pub(super) fn start() -> io::Result<Self> {
        let burners = Self { ended: Arc::default() };
        for _ in 0..thread::available_parallelism()?.get() {
            let ended = burners.ended.clone();
            thread::Builder::new().name(THREAD.to_owned()).spawn(move || burn(&ended))?;
        }
        Ok(burners)
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn burn(ended: &AtomicBool) {
    let mut number = 1_u64;
    while !ended.load(Ordering::Relaxed) {
        for step in 0..TURN {
            number = black_box(number.rotate_left(5) ^ step);
        }
    }
}
