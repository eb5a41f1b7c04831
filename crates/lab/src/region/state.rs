//! What is wrong with a region, and how that is changed.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use tokio::sync::{Mutex, watch};

use crate::tls::Certificate;
use scenario::fault::Fault;

/// What is in force.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) faults: Vec<Fault>,
    /// Sources that get no answer.
    pub(super) cut_off: BTreeSet<IpAddr>,
}

/// How a connection ends that a fault ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a reset.
    Reset,
    /// It stays, and nothing more is read from it or written.
    Silence,
}

impl State {
    pub(super) fn is_down(&self) -> bool {
        self.faults.contains(&Fault::Down)
    }

    pub(super) fn burns(&self) -> bool {
        self.faults.contains(&Fault::CpuSaturation)
    }

    /// What ends the connections of this source, if anything does.
    pub(super) fn ending(&self, source: IpAddr) -> Option<Ending> {
        if self.is_down() {
            Some(Ending::Reset)
        } else if self.faults.contains(&Fault::HalfOpen) || self.cut_off.contains(&source) {
            Some(Ending::Silence)
        } else {
            None
        }
    }

    /// What a TLS client is shown.
    pub(super) fn certificate(&self) -> Certificate {
        let shown = |fault: &Fault| match *fault {
            Fault::TlsExpired => Some(Certificate::Expired),
            Fault::TlsWrongName => Some(Certificate::WrongName),
            _ => None,
        };
        self.faults.iter().find_map(shown).unwrap_or(Certificate::Good)
    }
}

/// Changes a region's state.
#[derive(Debug, Clone)]
pub(super) struct Switches {
    state: watch::Sender<Arc<State>>,
    open: watch::Receiver<bool>,
    turn: Arc<Mutex<()>>,
}

impl Switches {
    /// `open` tells whether the region listens.
    pub(super) fn new(open: watch::Receiver<bool>) -> Self {
        Self { state: watch::Sender::default(), open, turn: Arc::default() }
    }

    /// In force on return: the listener is closed, or open again.
    pub(super) async fn change(&self, change: impl FnOnce(&mut State)) -> Arc<State> {
        let _turn = self.turn.lock().await;
        self.state.send_modify(|state| change(Arc::make_mut(state)));
        let state = self.now();
        let mut open = self.open.clone();
        // It fails once the region has ended; then there is nothing to wait for.
        let _ended = open.wait_for(|open| *open != state.is_down()).await.is_err();
        state
    }

    pub(super) fn now(&self) -> Arc<State> {
        self.state.borrow().clone()
    }

    /// Waits until something holds, and returns it.
    pub(super) async fn until<T>(&self, holds: impl Fn(&State) -> Option<T>) -> T {
        let mut states = self.state.subscribe();
        loop {
            let found = holds(&states.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            states.changed().await.expect("these switches hold a sender");
        }
    }
}
