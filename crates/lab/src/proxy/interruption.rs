//! A caller that is ended in the middle of its work: at a chosen one of its calls, by whoever can end it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::calls::Identity;

/// Where a caller is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Before its call is passed on.
    BeforeTheEffect,
    /// Once its call has taken effect, before it hears of that.
    BeforeTheReply,
}

/// Ends a caller at one of its calls.
pub struct Interruption {
    /// Of these calls alone, as the API names them; none: of all.
    pub operation: Option<String>,
    /// How many of them it still makes, the one at which it is ended among them; from 1.
    pub call: usize,
    /// Before or after that call takes effect.
    pub point: Point,
    /// Ends it; told the operation. It must be gone when this returns, or it may be answered.
    pub end: Box<dyn FnOnce(&str) + Send>,
}

impl fmt::Debug for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interruption")
            .field("operation", &self.operation)
            .field("call", &self.call)
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}

/// The interruptions that are still to come, by the caller's name in its `User-Agent`.
#[derive(Debug, Default)]
pub(super) struct Interruptions(Mutex<BTreeMap<String, Interruption>>);

impl Interruptions {
    pub(super) fn set(&self, caller: String, interruption: Interruption) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(caller, interruption);
    }

    /// Counts a call; its caller's interruption when it is the one at which it is ended.
    pub(super) fn due(&self, identity: &Identity) -> Option<Interruption> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = identity.function()?;
        let of_these = |operation: &Option<String>| operation.as_ref().is_none_or(|it| *it == identity.operation);
        let interruption = all.get_mut(caller).filter(|it| of_these(&it.operation))?;
        interruption.call = interruption.call.saturating_sub(1);
        if interruption.call > 0 {
            return None;
        }
        all.remove(caller)
    }
}
