//! The lab's name servers under load, beside Debian's knot with the same names: each on core 0, dnsperf on core 1, by turns.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};
use crate::tools;

const ANSWERS: Quantity = Quantity::PerSecond(100_000.0);
const LOSS: Quantity = Quantity::Percent(0.1);
const OF_KNOT: Quantity = Quantity::Times(0.5);

/// Runs of each server, by turns: others may use the machine too.
const RUNS: usize = 7;
const SECONDS: &str = "3";
const PATIENCE: Duration = Duration::from_secs(10);

/// One run of dnsperf.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    answers: f64,
    per_second: f64,
    lost_percent: f64,
}

/// One run, and what it cost the server.
#[derive(Debug, Clone, Copy)]
struct Run {
    load: Load,
    /// Answers a second of its processor's time: the same however busy the machine is.
    per_cpu_second: f64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    tools::install(&[tools::DNSPERF, tools::KNOT])?;
    let folder = place.root.join(".pointsman/bench/dns");
    let ours = Server::ours(place, &folder)?;
    let knot = Server::knot(&folder)?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push((ours.run(&folder)?, knot.run(&folder)?));
    }
    let command = shown(ours.port, &folder);
    let rates = Spread::of(runs.iter().map(|(ours, _)| ours.load.per_second));
    let knots = Spread::of(runs.iter().map(|(_, knot)| knot.load.per_second));
    let ratios = Spread::of(runs.iter().map(|(ours, knot)| ours.load.per_second / knot.load.per_second));
    let lost = Spread::of(runs.iter().map(|(ours, _)| ours.load.lost_percent));
    let cpu = Spread::of(runs.iter().map(|(ours, _)| ours.per_cpu_second));
    let knots_cpu = Spread::of(runs.iter().map(|(_, knot)| knot.per_cpu_second));
    let busy = fs::read_to_string("/proc/loadavg").context("failed to read /proc/loadavg")?;
    let by_turns = format!("{RUNS} runs of {SECONDS} s by turns, load average {}", busy.trim());
    let of = |spread: &Spread| format!("best; median {:.0}, worst {:.0}; {by_turns}", spread.median, spread.least);
    Ok(vec![
        Figure::new("DNS: answers on one core", &command, Quantity::PerSecond(rates.most), ANSWERS).note(of(&rates)),
        Figure::new("DNS: lost, worst run", &command, Quantity::Percent(lost.most), LOSS),
        Figure::new("DNS: against knot", &command, Quantity::Times(ratios.median), OF_KNOT)
            .note(format!("median of pairs; {:.2} to {:.2}", ratios.least, ratios.most)),
        Figure::unbounded("DNS: answers a second of CPU time", &command, Quantity::PerSecond(cpu.median))
            .note(format!("median, whatever else runs; knot's is {:.0}", knots_cpu.median)),
        Figure::unbounded("DNS: knot's answers", &shown(knot.port, &folder), Quantity::PerSecond(knots.most))
            .note(of(&knots)),
    ])
}

#[derive(Debug)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    /// Of one figure at least.
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        Spread { least: sorted[0], median: sorted[sorted.len() / 2], most: sorted[sorted.len() - 1] }
    }
}

/// A name server on core 0, ended when dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn ours(place: &Place, folder: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Ready {
            port: u16,
        }
        let program = place.target.join("release/examples/dns");
        let mut process = pinned("0", &program.display().to_string())
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to run taskset (util-linux)")?;
        let mut line = String::new();
        let said = process.stdout.take().context("its stdout is a pipe")?;
        let mut server = Server { process, port: 0 };
        BufReader::new(said).read_line(&mut line).context("failed to read what the name server says")?;
        let Ready { port } = serde_json::from_str(&line).context("the name server did not start")?;
        server.port = port;
        Ok(server)
    }

    /// With the zone that ours wrote, a worker, and nothing kept.
    fn knot(folder: &Path) -> Result<Self> {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let at = folder.display();
        let config = format!(
            "server:\n    rundir: \"{at}\"\n    listen: 127.0.0.1@{port}\n    udp-workers: 1\n    tcp-workers: 1\n    \
             background-workers: 1\ndatabase:\n    storage: \"{at}\"\nlog:\n  - target: stderr\n    any: warning\nzone:\n  \
             - domain: example.com\n    file: \"{at}/zone\"\n    zonefile-sync: -1\n    journal-content: none\n"
        );
        let file = folder.join("knot.conf");
        fs::write(&file, config).with_context(|| format!("failed to write {}", file.display()))?;
        let process = pinned("0", tools::KNOT.program).arg("-c").arg(&file).stdin(Stdio::null()).spawn()?;
        let server = Server { process, port };
        server.wait()?;
        Ok(server)
    }

    fn wait(&self) -> Result<()> {
        // Of `example.com SOA`.
        const QUERY: &[u8] = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x06\0\x01";
        let deadline = Instant::now() + PATIENCE;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, self.port))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        while Instant::now() < deadline {
            // Refused until it listens, which the next receive says.
            if socket.send(QUERY).is_ok() && socket.recv(&mut [0; 512]).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        anyhow::bail!("the name server on port {} did not answer within {PATIENCE:?}", self.port)
    }

    fn run(&self, folder: &Path) -> Result<Run> {
        let before = self.cpu_seconds()?;
        let load = self.load(folder)?;
        Ok(Run { load, per_cpu_second: load.answers / (self.cpu_seconds()? - before) })
    }

    /// What it used so far; `taskset` became it.
    fn cpu_seconds(&self) -> Result<f64> {
        /// As every Linux counts them for programs.
        const TICKS_A_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).context("the name server ended")?;
        let ticks = stat.rsplit_once(')').into_iter().flat_map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
        Ok(ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()? / TICKS_A_SECOND)
    }

    fn load(&self, folder: &Path) -> Result<Load> {
        eprintln!("$ {}", shown(self.port, folder));
        let mut command = pinned("1", tools::DNSPERF.program);
        command.args(arguments(self.port)).arg(folder.join("queries")).stderr(Stdio::inherit());
        let output = command.output().context("failed to run taskset (util-linux)")?;
        ensure!(output.status.success(), "dnsperf ended with {}", output.status);
        Load::read(&String::from_utf8_lossy(&output.stdout))
    }
}

fn pinned(core: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]);
    command
}

fn arguments(port: u16) -> Vec<String> {
    let port = port.to_string();
    ["-s", "127.0.0.1", "-p", &port, "-l", SECONDS, "-c", "4", "-T", "1", "-q", "200", "-d"].map(str::to_owned).into()
}

fn shown(port: u16, folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().display();
    format!("taskset -c 1 dnsperf {} {name}/queries", arguments(port).join(" "))
}

impl Load {
    /// Reads what dnsperf prints; an answer that is not NOERROR is no answer.
    fn read(text: &str) -> Result<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
            line.map(str::trim).with_context(|| format!("dnsperf printed no {name:?}:\n{text}"))
        };
        let codes = field("Response codes:")?;
        ensure!(codes.starts_with("NOERROR") && codes.ends_with("(100.00%)"), "answers were {codes}");
        let sent: f64 = field("Queries sent:")?.parse()?;
        let lost = field("Queries lost:")?.split_whitespace().next().unwrap_or_default().parse::<f64>()?;
        let answers = field("Queries completed:")?.split_whitespace().next().unwrap_or_default().parse()?;
        Ok(Load { answers, per_second: field("Queries per second:")?.parse()?, lost_percent: 100.0 * lost / sent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "Statistics:\n\n  Queries sent:         2000\n  Queries completed:    1998 (99.90%)\n  \
                           Queries lost:         2 (0.10%)\n\n  Response codes:       NOERROR 1998 (100.00%)\n  \
                           Queries per second:   199778.406205\n";

    #[test]
    fn reads_what_dnsperf_prints() {
        let load = Load::read(PRINTED).unwrap();
        assert_eq!(load, Load { answers: 1998.0, per_second: 199_778.406_205, lost_percent: 0.1 });
        assert!(Load::read(&PRINTED.replace("NOERROR", "SERVFAIL")).is_err());
        assert!(Load::read("").is_err());
    }
}
