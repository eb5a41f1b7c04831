//! Exit codes: part of the contract.

use std::process::ExitCode;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(u8);

/// Done.
pub const DONE: Code = Code(0);
/// Something that should not happen.
pub const UNEXPECTED: Code = Code(1);
/// The command or a file is wrong.
pub const USAGE: Code = Code(2);
/// A region is unhealthy, or a drill's expectations are not met.
pub const UNHEALTHY: Code = Code(3);
/// A safety rule refuses.
pub const REFUSED: Code = Code(4);
/// What is deployed is not what is written.
pub const DRIFT: Code = Code(5);
/// AWS refused or can't be reached.
pub const AWS: Code = Code(6);

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.0)
    }
}
