//! What Pointsman decides: observers' words → phases → hold, with reasons, or a plan; and a plan's way to its end.
//!
//! Everything here is a function of its arguments: no I/O, no clock, no randomness.

#[cfg(test)]
mod alarms;
#[cfg(test)]
mod all_down;
mod approve;
mod checks;
mod decide;
mod draft;
mod evidence;
mod execution;
mod explain;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod model;
mod observe;
mod order;
#[cfg(test)]
mod properties;
mod reason;
mod records;
mod scene;
mod tally;
mod unusual;
mod zoning;

pub use approve::approve;
pub use checks::{CheckDiff, CheckOf, HeldCheck, HeldChecks, WantedCheck, attempts, diff_checks, ids, wanted_checks};
pub use decide::{Decision, Outcome, decide};
pub use evidence::{AlarmState, Evidence, Hearing, NativeHealth, Sighting, Silence};
pub use execution::{Action, Event, acknowledge, next, note, settle, take};
pub use explain::explain;
pub use observe::{Measured, alerts, follow, is_quiet, leave_alerts_to, needs_event, needs_write, verdict};
pub use order::{Order, may_force, order};
pub use records::{RecordsError, change_batch, fence_in, fence_set, is_ours, names, record_sets, slots_in, target_of};
pub use tally::{Lasting, Signal, Tally, Vote, down_after};
pub use unusual::Unusual;
pub use zoning::{ReadZone, Remark, Zoning, risky, zoning};
