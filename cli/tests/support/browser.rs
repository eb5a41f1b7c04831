//! A real Chromium that shows pages of this process, and what a script in them found.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Sender},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::Value;

/// A busy machine is slow; a browser that hangs is not waited for longer.
const PATIENCE: Duration = Duration::from_mins(2);

/// Which theme the browser says that the user prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

/// Chromium and axe-core.
#[derive(Debug)]
pub(crate) struct Browser {
    program: String,
    environment: Vec<(String, String)>,
    pub(crate) axe: String,
}

impl Browser {
    /// On `PATH`, or fetched into the folder. None: it is not there and can't be had; stderr says why.
    pub(crate) fn find(folder: &Path) -> Option<Self> {
        let finder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/browser.py");
        let found = Command::new("python3").arg(finder).arg(folder).stderr(Stdio::inherit()).output().ok()?;
        let found: Value = serde_json::from_slice(&found.stdout).ok().filter(|_| found.status.success())?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let environment = found["environment"].as_object()?;
        Some(Self {
            program: text(&found["chromium"])?,
            environment: environment.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
            axe: fs::read_to_string(found["axe"].as_str()?).ok()?,
        })
    }

    /// Opens `/` of these pages and waits until its script posts what it found to `/findings`.
    /// Also what was asked for that is not there.
    pub(crate) fn visit(&self, theme: Theme, pages: BTreeMap<String, String>) -> (Value, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A browser opens connections that it does not use, and closes some early.
                let _ = stream.and_then(|stream| serve(stream, &pages, &tell));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let _running = self.start(theme, folder.path(), &format!("http://{address}/"));
        let mut strange = Vec::new();
        loop {
            match told.recv_timeout(PATIENCE) {
                Ok(Told::Findings(findings)) => return (findings, strange),
                Ok(Told::Strange(path)) => strange.push(path),
                Err(error) => panic!("{} found nothing within {PATIENCE:?}: {error}", self.program),
            }
        }
    }

    fn start(&self, theme: Theme, folder: &Path, url: &str) -> Running {
        let scheme = match theme {
            Theme::Dark => "0",
            Theme::Light => "1",
        };
        let mut command = Command::new(&self.program);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--window-size=1400,1000"])
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .arg(format!("--user-data-dir={}", folder.display()))
            .arg(url)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        Running(command.spawn().unwrap())
    }
}

/// Killed with all its processes when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        // It may have ended by itself.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

enum Told {
    Findings(Value),
    /// Asked for, and not there.
    Strange(String),
}

fn serve(mut stream: TcpStream, pages: &BTreeMap<String, String>, tell: &Sender<Told>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    if reader.read_line(&mut request)? == 0 {
        return Ok(());
    }
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path == "/findings" {
        // The test may have ended: then nobody waits for it.
        let _ = tell.send(Told::Findings(serde_json::from_slice(&body)?));
    }
    let page = pages.get(path);
    if page.is_none() && path != "/findings" {
        let _ = tell.send(Told::Strange(path.to_owned()));
    }
    let (status, text) = page.map_or(("404 Not Found", ""), |page| ("200 OK", page));
    let head = "Content-Type: text/html; charset=utf-8\r\nConnection: close";
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// Where tools are kept between runs; git ignores it.
pub(crate) fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".pointsman/browser")
}
