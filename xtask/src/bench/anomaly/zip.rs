//! What the baselines add to the checker's zip as it is sent to AWS: it is built twice, once from a copy of the sources without
//! them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::bench::{
    Place,
    figure::{Figure, Quantity},
    size,
};

const BOUND: Quantity = Quantity::Bytes(200_000);
const BASELINES: &str = "crates/aws/src/baselines.rs";
/// What stands for them: it says nothing, and needs neither the forest nor the service's phase.
const NONE: &str = include_str!("zip/baselines.rs");
const BUILD: [&str; 5] = ["build", "--profile", "ship", "--bin", "checker"];

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let without = place.root.join(".pointsman/bench/without-baselines");
    copy(&place.root, &without)?;
    fs::write(without.join(BASELINES), NONE).context("failed to leave the baselines out")?;
    call_it_another_version(&without.join("Cargo.toml"))?;
    let program = place.program("ship", "checker");
    // The true one last: it is what stays in the target folder.
    let sizes = [&without, &place.root].map(|sources| {
        let manifest = sources.join("Cargo.toml").display().to_string();
        place.build(
            &[&BUILD[..], &["--manifest-path", &manifest, "--target-dir", &place.target.display().to_string()]]
                .concat(),
        )?;
        let built = fs::read(&program).with_context(|| format!("failed to read {}", program.display()))?;
        size::packed(&built).context("failed to pack the checker")
    });
    let [without, with] = sizes;
    let (without, with) = (without?, with?);
    let added = Quantity::Bytes(with.saturating_sub(without));
    let command = format!("cargo {}, twice", BUILD.join(" "));
    let note = format!("{with} bytes with them, {without} without");
    Ok(vec![Figure::new("anomaly: what the baselines add to checker.zip", &command, added, BOUND).note(note)])
}

/// In one target folder cargo tells two workspaces apart by their versions, not by where they lie: it would take the second
/// checker for built.
fn call_it_another_version(manifest: &Path) -> Result<()> {
    let text = fs::read_to_string(manifest).with_context(|| format!("failed to read {}", manifest.display()))?;
    let own = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
    ensure!(text.contains(&own), "{} has no `{own}`", manifest.display());
    fs::write(manifest, text.replacen(&own, "version = \"0.0.0\"", 1)).context("failed to write the version")
}

/// Copies what git knows of, and what it would take in.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(from)
        .output()
        .context("failed to run git")?;
    ensure!(listed.status.success(), "git ls-files ended with {}", listed.status);
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("failed to remove {}", to.display()))?;
    }
    for file in String::from_utf8(listed.stdout)?.split_terminator('\0').map(PathBuf::from) {
        let (source, copied) = (from.join(&file), to.join(&file));
        // Deleted, and git does not know yet.
        if !source.exists() {
            continue;
        }
        let folder = copied.parent().context("a file in no folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(&source, &copied))
            .with_context(|| format!("failed to copy {}", file.display()))?;
    }
    Ok(())
}
