//! A program on a terminal, and what a person reads there.

use std::{
    fs::File,
    io::Read,
    num::NonZero,
    process::{Command, ExitStatus, Stdio},
};

use nix::pty::{Winsize, openpty};
use vt100::Parser;

/// So high that nothing leaves it.
const ROWS: NonZero<u16> = NonZero::new(250).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(110).unwrap();

/// What a terminal shows.
pub(crate) struct Terminal {
    pub(crate) status: ExitStatus,
    /// Each time that a line was ended, what was to be read until then.
    pub(crate) screens: Vec<String>,
}

impl Terminal {
    /// Runs it to its end; the tests' own deadline is the only one.
    pub(crate) fn of(mut command: Command) -> Self {
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        command.env("TERM", "xterm").env_remove("NO_COLOR").stdin(end()).stdout(end()).stderr(end());
        let mut child = command.spawn().unwrap();
        // What is held open here would keep the terminal from ever ending.
        drop((command, pty.slave));
        let mut terminal = Parser::new(ROWS, COLUMNS, 0);
        let (mut screens, mut bytes) = (Vec::new(), [0; 1_024]);
        let mut master = File::from(pty.master);
        // Linux ends it by an error, EIO.
        while let Ok(read @ 1..) = master.read(&mut bytes) {
            for line in bytes[..read].split_inclusive(|byte| *byte == b'\n') {
                terminal.process(line);
                screens.push(terminal.screen().contents());
            }
        }
        Self { status: child.wait().unwrap(), screens }
    }

    /// What is to be read in the end.
    pub(crate) fn shows(&self) -> &str {
        self.screens.last().map_or("", String::as_str)
    }
}
