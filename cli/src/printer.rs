//! The one place that prints: results to standard output, everything else to standard error.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the printer")]
#![allow(clippy::unused_self, reason = "who prints has been handed the printer")]

mod regions;

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::{args::Output, error::CliError};
pub(crate) use regions::{Regions, Thing};

/// Decides what goes where. `anstream` takes colours out where they are not wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    output: Output,
    progress: bool,
}

impl Printer {
    pub(crate) fn new(output: Output, no_progress: bool) -> Self {
        Self { output, progress: !no_progress && std::io::stderr().is_terminal() }
    }

    /// Whether somebody watches who wants more than lines.
    pub(crate) fn has_progress(self) -> bool {
        self.progress
    }

    pub(crate) fn output(self) -> Output {
        self.output
    }

    /// A result: `text` for people, or `value` as JSON.
    pub(crate) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) {
        match self.output {
            Output::Text => anstream::println!("{}", text()),
            Output::Json => {
                anstream::println!("{}", serde_json::to_string_pretty(value).expect("results are plain data"));
            }
        }
    }

    /// A result for machines alone: people are told beside the results.
    pub(crate) fn machine<T: Serialize>(self, value: &T) {
        if self.output == Output::Json {
            self.result(value, String::new);
        }
    }

    /// A result that has one form.
    pub(crate) fn raw(self, text: &str) {
        anstream::print!("{text}");
    }

    /// A line about what happens.
    pub(crate) fn line(self, text: &str) {
        anstream::eprintln!("{text}");
    }

    /// A line that is less important.
    pub(crate) fn detail(self, text: &str) {
        anstream::eprintln!("{}", text.dimmed());
    }

    pub(crate) fn error(self, error: &CliError) {
        anstream::eprintln!("{} {error}", "error:".red().bold());
        if let Some(hint) = error.hint() {
            anstream::eprintln!("{} {hint}", "hint:".cyan().bold());
        }
    }

    /// A spinner with what is being done now; where there is no terminal, lines.
    pub(crate) fn activity(self) -> Activity {
        let bar = self.progress.then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(std::time::Duration::from_millis(100));
            bar
        });
        Activity { bar }
    }
}

/// What is being done now.
pub(crate) struct Activity {
    bar: Option<ProgressBar>,
}

impl Activity {
    /// Something passing: shown on a terminal only.
    pub(crate) fn doing(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// Something done: a line that stays.
    pub(crate) fn done(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::eprintln!("{text}")),
            None => anstream::eprintln!("{text}"),
        }
    }

    /// A result while more is to come.
    pub(crate) fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::print!("{text}")),
            None => anstream::print!("{text}"),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.finish();
    }
}
