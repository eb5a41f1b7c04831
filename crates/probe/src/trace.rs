//! How far a sample has come and how long each phase took, readable after its time-out too.

use std::net::SocketAddr;

use domain::{Endpoint, Fault, Period, Phases, Seen};
use tokio::time::Instant;

/// Why a sample failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) evidence: String,
}

impl Failure {
    pub(crate) fn new(fault: Fault, evidence: impl Into<String>) -> Self {
        Self { fault, evidence: evidence.into() }
    }
}

/// One sample of a probe.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) phases: Phases,
    /// What was seen, or why there was nothing to see.
    pub(crate) result: Result<String, Failure>,
    /// For the forest, as far as it came.
    pub(crate) seen: Seen,
}

/// What a sample is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Dns,
    Connect,
    Tls,
    FirstByte,
    Body,
}

/// A sample on its way.
pub(crate) struct Trace {
    began: Instant,
    stage: Option<Stage>,
    stage_began: Instant,
    phases: Phases,
    limit: Period,
    /// The address being tried.
    pub(crate) address: Option<SocketAddr>,
    /// What was seen until now.
    pub(crate) seen: Seen,
}

impl Trace {
    /// Starts the clock; all of it may take `limit`.
    pub(crate) fn begin(limit: Period) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            stage: None,
            stage_began: now,
            phases: Phases::default(),
            limit,
            address: None,
            seen: Seen::default(),
        }
    }

    /// Closes the present stage and opens the next.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.close();
        self.stage = Some(stage);
        self.stage_began = Instant::now();
    }

    /// When time is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.began + self.limit.0
    }

    /// Closes the last stage; the phases' times.
    pub(crate) fn end(mut self) -> Phases {
        self.close();
        self.phases.total = Some(Phases::millis(self.began.elapsed()));
        self.phases
    }

    /// Time was up in the present stage.
    pub(crate) fn timed_out(&self, endpoint: &Endpoint) -> Failure {
        let (fault, awaited) = match self.stage {
            None | Some(Stage::Dns) => (Fault::DnsTimeout, "no name resolution"),
            Some(Stage::Connect) => (Fault::ConnectTimeout, "no TCP handshake"),
            Some(Stage::Tls) => (Fault::TlsTimeout, "no TLS handshake"),
            Some(Stage::FirstByte) => (Fault::HttpTimeout, "no answer"),
            Some(Stage::Body) => (Fault::HttpTimeout, "no whole body"),
        };
        let limit = self.limit;
        Failure::new(
            fault,
            match self.address {
                Some(address) => format!("{awaited} within {limit} ({address})"),
                None => format!("{awaited} within {limit} ({endpoint})"),
            },
        )
    }

    fn close(&mut self) {
        let took = Some(Phases::millis(self.stage_began.elapsed()));
        match self.stage {
            Some(Stage::Dns) => self.phases.dns = took,
            Some(Stage::Connect) => self.phases.connect = took,
            Some(Stage::Tls) => self.phases.tls = took,
            Some(Stage::FirstByte) => self.phases.first_byte = took,
            None | Some(Stage::Body) => {}
        }
    }
}
