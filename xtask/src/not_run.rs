//! The tests that passed only because a tool they need is missing: each appends a line to a file.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;

use crate::told::Told;

/// What one test run left out.
#[derive(Debug)]
pub(crate) struct NotRun(Told);

impl NotRun {
    /// Names the file to the tests; they print the same line to stderr, which a runner hides when the test passes.
    pub(crate) const VARIABLE: &str = "POINTSMAN_NOT_RUN";

    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Told::about("not-run")?))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Each line, `not run: needs X`, with how many tests wrote it.
    pub(crate) fn lines(&self) -> Result<BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        for line in self.0.text()?.lines() {
            *counts.entry(line.to_owned()).or_default() += 1;
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn counts_each_missing_tool() {
        let not_run = NotRun::new().unwrap();
        assert_eq!(not_run.lines().unwrap(), BTreeMap::new());
        fs::write(not_run.path(), "not run: needs Docker\nnot run: needs dig\nnot run: needs Docker\n").unwrap();
        let counts: Vec<_> = not_run.lines().unwrap().into_iter().collect();
        assert_eq!(counts, [("not run: needs Docker".to_owned(), 2), ("not run: needs dig".to_owned(), 1)]);
    }
}
