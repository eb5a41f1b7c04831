//! The emulators that all must pass on, and a record of what did.

use std::{env, fmt, fs::OpenOptions, io::Write, thread};

/// What stands for AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emulator {
    Ministack,
    Localstack,
}

impl Emulator {
    /// As `--emulator` takes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ministack => "ministack",
            Self::Localstack => "localstack",
        }
    }

    /// Something is tried on it: dropped, it has passed, or failed where its test has.
    pub(crate) fn tries(self, what: impl fmt::Display) -> Trial {
        Trial { emulator: self, what: what.to_string() }
    }
}

/// A line for the table in `localstack/README.md`, which `cargo xtask test` keeps.
#[derive(Debug)]
pub(crate) struct Trial {
    emulator: Emulator,
    what: String,
}

impl Drop for Trial {
    fn drop(&mut self) {
        let Some(path) = env::var_os("POINTSMAN_CONFORMANCE") else { return };
        let outcome = if thread::panicking() { "failed" } else { "passed" };
        let line = format!("{}\t{}\t{outcome}\n", self.emulator.name(), self.what);
        let mut file = OpenOptions::new().append(true).open(path).expect("xtask's file can be opened");
        file.write_all(line.as_bytes()).expect("xtask's file can be written");
    }
}

/// A test on each emulator of each function named.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod ministack {
            $(#[test] fn $name() { super::$name($crate::support::emulator::Emulator::Ministack); })+
        }
        mod localstack {
            $(#[test] fn $name() { super::$name($crate::support::emulator::Emulator::Localstack); })+
        }
    };
}
