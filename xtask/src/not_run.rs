//! The tests that passed only because a tool they need is missing: each appends a line to a file.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result};

/// The file of one test run, removed with the value.
#[derive(Debug)]
pub(crate) struct NotRun {
    path: PathBuf,
}

impl NotRun {
    /// Names the file to the tests; they print the same line to stderr, which a runner hides when the test passes.
    pub(crate) const VARIABLE: &str = "POINTSMAN_NOT_RUN";

    pub(crate) fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("pointsman-not-run-{}", process::id()));
        fs::write(&path, "").with_context(|| format!("failed to write {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Each line, `not run: needs X`, with how many tests wrote it.
    pub(crate) fn lines(&self) -> Result<BTreeMap<String, usize>> {
        let text = fs::read_to_string(&self.path).with_context(|| format!("failed to read {}", self.path.display()))?;
        let mut counts = BTreeMap::new();
        for line in text.lines() {
            *counts.entry(line.to_owned()).or_default() += 1;
        }
        Ok(counts)
    }
}

impl Drop for NotRun {
    fn drop(&mut self) {
        // A file of a few bytes in the temporary folder does no harm.
        let _: std::io::Result<()> = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
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
