//! How long a deployment takes: three observers and the control region, fresh and once more, on each emulator; and how long
//! it takes to see where things stand.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

const EMULATORS: [(&str, Quantity); 2] =
    [("ministack", Quantity::Seconds(20.0)), ("localstack", Quantity::Seconds(60.0))];
const AGAIN: Quantity = Quantity::Seconds(5.0);
const STATUS: Quantity = Quantity::Seconds(2.0);

/// What `lab up` prints.
#[derive(Debug, Deserialize)]
struct Lab {
    endpoint_url: String,
    config: String,
    service: String,
}

pub(super) fn measure(place: &Place) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (emulator, bound) in EMULATORS {
        match on(place, emulator, bound) {
            Ok(measured) => figures.extend(measured),
            Err(error) => figures.push(Figure::failed(emulator, format!("{error:#}"))),
        }
    }
    figures
}

fn on(place: &Place, emulator: &str, bound: Quantity) -> Result<Vec<Figure>> {
    let program = place.program("release", "pointsman");
    // At life's own speed, so that calls of Route 53 are as slow as its limit makes them.
    let up = Command::new(&program)
        .args(["lab", "up", "--speed", "1", "--emulator", emulator, "--output", "json"])
        .current_dir(&place.root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run pointsman lab up")?;
    ensure!(up.status.success(), "pointsman lab up: {}", up.status);
    let measured = serde_json::from_slice(&up.stdout)
        .context("failed to read what pointsman lab up prints")
        .and_then(|lab| in_lab(place, &program, &lab, emulator, bound));
    let down = Command::new(&program).args(["lab", "down"]).current_dir(&place.root).status();
    ensure!(down.is_ok_and(|status| status.success()), "pointsman lab down failed");
    measured
}

/// Deploys a stack of its own beside the lab's, for a service that has neither records nor checks yet.
fn in_lab(place: &Place, program: &Path, lab: &Lab, emulator: &str, bound: Quantity) -> Result<Vec<Figure>> {
    let text = fs::read_to_string(&lab.config).with_context(|| format!("failed to read {}", lab.config))?;
    let named = format!("name = \"{}\"", lab.service);
    ensure!(text.contains(&named), "{} does not name {}", lab.config, lab.service);
    let text = format!("stack = \"bench\"\n{}", text.replace(&named, "name = \"bench.pointsman.test\""));
    let config = place.root.join(".pointsman/bench-deploy.toml");
    fs::write(&config, text).with_context(|| format!("failed to write {}", config.display()))?;
    let timed = |arguments: &'static str, config: &Path, good: &[i32]| -> Result<(String, Quantity)> {
        let command = format!("{} {arguments}", place.shown(program));
        eprintln!("$ {command} --config {}", place.shown(config));
        let began = Instant::now();
        let status = Command::new(program)
            .args(arguments.split(' '))
            .args(["--no-progress", "--config"])
            .arg(config)
            .current_dir(&place.root)
            .env("AWS_ENDPOINT_URL", &lab.endpoint_url)
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")])
            .stdin(Stdio::null())
            .stdout(Stdio::from(io::stderr()))
            .status()
            .with_context(|| format!("failed to run {command}"))?;
        ensure!(status.code().is_some_and(|code| good.contains(&code)), "{command}: {status}");
        Ok((command, Quantity::Seconds(began.elapsed().as_secs_f64())))
    };
    let figure = |what: &str, (command, measured): (String, Quantity), bound| {
        Figure::new(format!("{what}, {emulator}"), &command, measured, bound)
    };
    let deploy = || timed("deploy --yes", &config, &[0]);
    // Whatever the regions are like: 3 says that one is not healthy.
    let status = || timed("status", Path::new(&lab.config), &[0, 3]);
    Ok(vec![
        figure("deploy: fresh", deploy()?, bound),
        figure("deploy: again", deploy()?, AGAIN),
        figure("status", status()?, STATUS),
    ])
}
