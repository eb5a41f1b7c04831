//! Everything on one machine that a drill needs: emulated AWS, a Route 53 that answers, regions, clients.

pub mod catalog;
pub mod cost;
pub mod dns;
pub mod drill;
pub mod emulator;
pub mod fault;
pub mod fleet;
pub mod health;
pub mod hosted;
pub mod metrics;
pub mod package;
pub mod page;
pub mod processes;
pub mod proxy;
pub mod recorder;
pub mod region;
pub mod report;
pub mod rival;
pub mod scenario;
pub mod stage;
pub mod timeline;
pub mod tls;
