//! A Python that times scikit-learn when asked.

use std::{
    error::Error,
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

#[derive(Debug)]
pub(crate) struct Python {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it on one thread.
    pub(crate) fn start(program: &OsStr) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program);
        command.args(["-c", include_str!("scikit_learn.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"].map(|name| (name, "1")));
        let mut child = command.spawn()?;
        let asked = child.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut python = Self { child, asked, answers };
        let ready = python.line()?;
        if ready != "ready" { Err(format!("scikit-learn did not start: {ready}").into()) } else { Ok(python) }
    }

    /// How long one run of it took.
    pub(crate) fn time(&mut self, what: &str) -> Result<Duration, Box<dyn Error>> {
        writeln!(self.asked, "{what}")?;
        self.asked.flush()?;
        Ok(Duration::from_secs_f64(self.line()?.parse()?))
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<std::process::ExitStatus> = self.child.wait();
    }
}
