//! One file a group of commands.

pub(crate) mod acknowledge;
pub(crate) mod anomaly;
pub(crate) mod check;
pub(crate) mod deploy;
pub(crate) mod dns;
pub(crate) mod drill;
pub(crate) mod init;
pub(crate) mod lab;
pub(crate) mod order;
pub(crate) mod pause;
pub(crate) mod preflight;
pub(crate) mod print;
pub(crate) mod region;
pub(crate) mod simulate;
pub(crate) mod status;
