//! Everything on one machine that a drill needs: emulated AWS, a Route 53 that answers, regions, clients.

pub mod clock;
pub mod dns;
pub mod drill;
pub mod emulator;
pub mod fleet;
pub mod health;
pub mod hosted;
pub mod package;
pub mod processes;
pub mod proxy;
pub mod recorder;
pub mod region;
pub mod rival;
pub mod stage;
pub mod tls;
