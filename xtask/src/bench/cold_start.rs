//! How long a function's program takes from its start to its first call for work.

use std::{
    env,
    io::{self, BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use super::{
    FUNCTIONS, Place,
    figure::{Figure, Quantity},
};

const STARTS: usize = 20;
const BOUND: Quantity = Quantity::Seconds(0.015);
const DEADLINE: Duration = Duration::from_secs(10);

/// Lambda's Runtime API as far as a program's first call: the call is noted and never answered.
#[derive(Debug)]
struct RuntimeApi {
    address: SocketAddr,
    calls: Receiver<Call>,
}

#[derive(Debug)]
struct Call {
    line: String,
    at: Instant,
}

impl RuntimeApi {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                // What a program that is being killed leaves half done is nobody's call.
                if stream.read_line(&mut line).is_ok() && sender.send(Call { line, at: Instant::now() }).is_ok() {
                    // Held open until the program is gone, as Lambda does while there is nothing to do.
                    let _: io::Result<u64> = io::copy(&mut stream, &mut io::sink());
                }
            }
        });
        Ok(Self { address, calls })
    }

    /// Starts the program, waits for its first call and kills it.
    fn first_call(&self, name: &str, program: &mut Command) -> Result<Duration> {
        let path = program.get_program().to_owned();
        let path = Path::new(&path).display();
        program
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", self.address.to_string().as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_DEFAULT_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "bench"),
                ("AWS_SECRET_ACCESS_KEY", "bench"),
                ("_HANDLER", "bootstrap"),
            ])
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let began = Instant::now();
        let mut child = program.spawn().with_context(|| format!("failed to start {path}"))?;
        let call = self.calls.recv_timeout(DEADLINE);
        child.kill()?;
        let status = child.wait()?;
        let call = call.map_err(|_| anyhow!("{path} made no call within {DEADLINE:?} ({status})"))?;
        if call.line.starts_with("GET /2018-06-01/runtime/invocation/next ") {
            Ok(call.at.duration_since(began))
        } else {
            Err(anyhow!("{path} called first for {:?}", call.line.trim_end()))
        }
    }
}

/// The median of each function's starts, after one that warms the page cache.
pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let api = RuntimeApi::start().context("failed to listen on 127.0.0.1")?;
    FUNCTIONS
        .iter()
        .map(|name| {
            let program = place.program("release", name);
            eprintln!("$ {STARTS} × {}", place.shown(&program));
            let start = || api.first_call(name, &mut Command::new(&program));
            start()?;
            let mut starts = (0..STARTS).map(|_| start()).collect::<Result<Vec<_>>>()?;
            starts.sort();
            let seconds = |duration: Duration| Quantity::Seconds(duration.as_secs_f64());
            let command = format!("{STARTS} × {} against a Runtime API", place.shown(&program));
            let figure = Figure::new(format!("{name}: cold start"), &command, seconds(median(&starts)), BOUND);
            Ok(figure.note(format!("from {} to {}", seconds(starts[0]), seconds(starts[STARTS - 1]))))
        })
        .collect()
}

/// Of sorted durations.
fn median(sorted: &[Duration]) -> Duration {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_call(path: &str) -> Result<Duration> {
        let call = format!(
            "exec 3<>/dev/tcp/${{AWS_LAMBDA_RUNTIME_API/://}}; printf 'GET {path} HTTP/1.1\\r\\n\\r\\n' >&3; read -u 3"
        );
        RuntimeApi::start().unwrap().first_call("checker", Command::new("bash").args(["-c", &call]))
    }

    #[test]
    fn only_a_call_for_work_ends_a_start() {
        assert!(first_call("/2018-06-01/runtime/invocation/next").unwrap() > Duration::ZERO);
        let error = first_call("/2018-06-01/runtime/init/error").unwrap_err();
        assert!(error.to_string().contains("init/error"), "{error}");
    }

    #[test]
    fn the_median_of_an_even_count_is_between() {
        let durations = [1, 2, 4, 9].map(Duration::from_secs);
        assert_eq!(median(&durations), Duration::from_secs(3));
        assert_eq!(median(&durations[..3]), Duration::from_secs(2));
    }
}
