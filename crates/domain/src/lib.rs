//! The words of Pointsman as types: services and regions, probes and observations, plans and state.
//!
//! Everything here is data: parsed once at the edge, never re-checked inside. No I/O, no clock.

mod anomaly;
mod backup;
mod check;
mod config;
mod event;
mod file;
mod metric;
mod name;
mod notify;
mod observation;
mod period;
pub mod place;
mod plan;
mod policy;
mod probe;
mod resolve;
mod sound;
mod state;
mod vpc;

pub use anomaly::{Anomaly, Episode, Reason, Sign};
pub use backup::Backup;
pub use check::{Child, InsufficientData, MetricCheck, NativeCheck, RegionCheck};
pub use config::{
    Alarm, AliasTarget, Config, ConfigHash, Deployment, LabExemption, NativeChecks, Region, RoutingPolicy, Service,
    Targets, sha256_hex,
};
pub use event::{AuditEntry, AuditKind, ChangeEvent, EVENT_DETAIL_TYPE, EVENT_SOURCE};
pub use file::config_schema;
pub use metric::{Metric, ReplicationLag, Statistic, TimeUnit};
pub use name::{
    CheckId, DnsName, Epoch, HostedZoneId, NameError, ObserverName, PlanId, ProbeName, RegionName, Round,
    SecurityGroupId, StackName, SubnetId,
};
pub use notify::{MetricsBy, Notify, Subscriber, SubscriberError};
pub use observation::{
    Answering, Fault, OBSERVATION_FORMAT, Observation, Phases, ProbeReport, ProbeStatus, RegionView, Seen, Verdict,
};
pub use period::{Period, PeriodError};
pub use place::{ConfigError, Located, line_column};
pub use plan::{Actor, Arming, Expectation, Plan, PlanKind, Slot, Step, fence, fence_epoch, fence_order};
pub use policy::{AnomalyUse, Failback, Mode, NativeReturn, Policy, Preset, Rate, VerdictAs};
pub use probe::{Endpoint, HttpProbe, Limits, Probe, ProbeKind, Scheme, Share};
pub use state::{
    ByHand, HoldCode, HoldReason, InFlight, Paused, Phase, RegionPhase, RegionTrack, STATE_FORMAT, ServiceState,
    StateError,
};
pub use vpc::Vpc;
