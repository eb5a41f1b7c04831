//! Rehearsals in virtual time: the same decisions in worlds whose faults, networks, checkers and clients are modelled.
//!
//! A world is a service with the course of what befalls it. [`run`] lives through it with Pointsman, and beside it with
//! what one would have instead; what happened is counted in a [`Tally`], which does not grow with time. Everything is a
//! function of the world and a seed: no I/O, no clock.

mod chance;
mod checkers;
mod clients;
mod course;
mod figures;
mod happening;
mod judge;
mod lives;
mod network;
mod observers;
mod pilot;
mod rivals;
mod run;
mod summary;
mod weather;
mod world;

pub use course::{Changes, Conditions, Course, Duty, Place, Turn, Watcher};
pub use figures::{Histogram, Percentiles};
pub use judge::Record;
pub use lives::lives;
pub use run::{Options, run};
pub use summary::{Controller, Figures, Summary, Tally};
pub use weather::{DAY_HOURS, SERVICE, day};
pub use world::{SimulationError, World};
