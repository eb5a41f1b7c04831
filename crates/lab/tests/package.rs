//! Function binaries from a small workspace that stands for ours.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod again;

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use again::again;
use lab::package::{Architecture, Origin, PackageError, Source, locate};
use tempfile::TempDir;

/// Runs the ignored test with a target folder of its own, so that cargo's own `CARGO_TARGET_DIR` keeps our binaries.
fn with_own_target(name: &str) {
    let target = TempDir::new().unwrap();
    let output = again(name, [("CARGO_TARGET_DIR", target.path().as_os_str())]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn workspace(main: &str) -> (TempDir, Source) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"lambdas/*\"]\n").unwrap();
    for name in ["checker", "failover"] {
        let package = folder.path().join("lambdas").join(name);
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(package.join("Cargo.toml"), format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n")).unwrap();
        fs::write(package.join("src/main.rs"), main).unwrap();
    }
    let source = Source::Workspace(folder.path().to_owned());
    (folder, source)
}

/// A program for this machine, as `cargo lambda build` would leave it.
fn leave(folder: &Path, modified: SystemTime) {
    for name in ["checker", "failover"] {
        fs::create_dir_all(folder.join(name)).unwrap();
        let bootstrap = folder.join(name).join("bootstrap");
        fs::copy(env::current_exe().unwrap(), &bootstrap).unwrap();
        fs::File::options().append(true).open(&bootstrap).unwrap().set_modified(modified).unwrap();
    }
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").unwrap().into()
}

#[test]
fn builds_where_cargo_says() {
    with_own_target("child_builds");
}

#[tokio::test]
#[ignore = "the child of builds_where_cargo_says"]
async fn child_builds() {
    let (_folder, source) = workspace("fn main() {}");
    let lines = Mutex::new(Vec::new());
    let artifacts = locate(&source, &|line| lines.lock().unwrap().push(line.to_owned())).await.unwrap();
    assert_eq!(artifacts.origin, Origin::Built);
    assert_eq!(artifacts.checker.path(), target().join("release/checker"));
    assert_eq!(artifacts.failover.path(), target().join("release/failover"));
    assert_eq!(Some(artifacts.checker.architecture()), Architecture::host());
    let lines = lines.into_inner().unwrap();
    assert!(lines.iter().any(|line| line.contains("Compiling checker")), "{lines:?}");
}

#[test]
fn a_failing_build_shows_the_compilers_words() {
    with_own_target("child_fails_to_build");
}

#[tokio::test]
#[ignore = "the child of a_failing_build_shows_the_compilers_words"]
async fn child_fails_to_build() {
    let (_folder, source) = workspace("fn main() { missing() }");
    let error = locate(&source, &|_| {}).await.unwrap_err();
    assert!(
        matches!(&error, PackageError::Build { tail, .. } if tail.contains("cannot find function `missing`")),
        "{error}"
    );
}

#[test]
fn takes_what_cargo_lambda_left_while_it_is_fresh() {
    with_own_target("child_takes_fresh_binaries");
}

#[tokio::test]
#[ignore = "the child of takes_what_cargo_lambda_left_while_it_is_fresh"]
async fn child_takes_fresh_binaries() {
    let (_folder, source) = workspace("fn main() {}");
    let left = target().join("lambda");
    leave(&left, SystemTime::now() + Duration::from_secs(1));
    let artifacts = locate(&source, &|_| {}).await.unwrap();
    assert_eq!(artifacts.origin, Origin::CargoLambda);
    assert_eq!(artifacts.checker.path(), left.join("checker/bootstrap"));

    leave(&left, SystemTime::now() - Duration::from_hours(1));
    let lines = Mutex::new(Vec::new());
    let artifacts = locate(&source, &|line| lines.lock().unwrap().push(line.to_owned())).await.unwrap();
    assert_eq!(artifacts.origin, Origin::Built);
    let lines = lines.into_inner().unwrap();
    assert!(lines[0].ends_with("is older than the sources: building anew"), "{lines:?}");
}

#[tokio::test]
async fn given_artifacts_are_taken_or_missed_by_name() {
    let folder = TempDir::new().unwrap();
    let source = Source::Artifacts(folder.path().to_owned());
    let error = locate(&source, &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("checker holds neither bootstrap nor bootstrap.zip"), "{error}");

    leave(folder.path(), SystemTime::now());
    let artifacts = locate(&source, &|_| {}).await.unwrap();
    assert_eq!(artifacts.origin, Origin::Given);
    assert_eq!(artifacts.failover.path(), folder.path().join("failover/bootstrap"));
}
