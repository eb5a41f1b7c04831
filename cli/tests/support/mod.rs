//! The real program run from outside, with a deadline on everything, and a look at what it leaves behind.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod aws;
pub(crate) mod clients;
pub(crate) mod dns;
pub(crate) mod emulator;
pub(crate) mod http;
pub(crate) mod lab;
pub(crate) mod policy;
pub(crate) mod program;
pub(crate) mod rehearsal;
pub(crate) mod terminal;
pub(crate) mod traces;

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(20);

/// Pointsman's sources.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Asks again and again until there is something.
pub(crate) fn until<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        thread::sleep(POLL);
    }
}
