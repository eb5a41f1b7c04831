//! What the tests of one run tell besides passing and failing: lines that they append to a file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result};

/// Such a file, removed with the value.
#[derive(Debug)]
pub(crate) struct Told {
    path: PathBuf,
}

impl Told {
    /// An empty one in the temporary folder.
    pub(crate) fn about(what: &str) -> Result<Self> {
        let path = env::temp_dir().join(format!("pointsman-{what}-{}", process::id()));
        fs::write(&path, "").with_context(|| format!("failed to write {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn text(&self) -> Result<String> {
        fs::read_to_string(&self.path).with_context(|| format!("failed to read {}", self.path.display()))
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // A file of a few bytes in the temporary folder does no harm.
        let _: std::io::Result<()> = fs::remove_file(&self.path);
    }
}
