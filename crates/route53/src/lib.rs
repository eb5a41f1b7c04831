//! How Route 53 answers, how its health checkers judge, and what it refuses: one strict model without I/O.
//!
//! The rules R1–R42 are those of route53-facts.md; tests bear the number of the rule that they prove.

mod answer;
mod change;
mod check;
mod compiled;
mod diff;
mod given;
mod invalid;
mod list;
mod name;
mod rate;
mod record;
mod zone;

#[cfg(test)]
mod fixture;

pub use answer::{Answer, Draw, Rrset};
pub use change::{Action, Change, Key, Policy, Refusal, fits, unknown_check};
pub use check::alarm::{Alarm, AlarmData, AlarmSettings, Comparison, Datapoint, Statistic, UnsupportedAlarm};
pub use check::settings::{AlarmIdentifier, CheckSettings, Children, Regions};
pub use check::{
    CheckConfig, CheckKind, CheckerView, Endpoint, FailureThreshold, InsufficientData, Interval, InvalidThreshold,
    Protocol, Request, aggregate, can_be_checked, limits, status_is_success,
};
pub use compiled::{Chosen, Compiled};
pub use diff::{GroupDiff, Owner, Risk, Step, batch_of, diff, risks};
pub use given::{GivenAlias, GivenChange, GivenRecord, GivenRecords, GivenSet, Unread};
pub use invalid::InvalidInput;
pub use list::Start;
pub use name::{InvalidName, Name};
pub use rate::RateLimit;
pub use record::{CheckId, RecordSet, RecordType, Role, Routing, SetId, Target, UnknownRecordType};
pub use zone::Zone;
