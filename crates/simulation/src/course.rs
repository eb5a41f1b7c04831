//! What is wrong when, as numbers that a round can be played by.

use domain::ObserverName;
use scenario::{
    InForce, Scenario,
    aws::{AwsFault, Effect},
    fault::{Fault, NameFault, Paths},
};

/// Regions, and observers, that a world can have.
pub(crate) const MOST: usize = 8;

/// A region's server and its name at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Connections are refused.
    pub refuses: bool,
    /// Connections are taken, requests never answered.
    pub hangs: bool,
    /// Answers are this late, and up to `jitter` more; milliseconds.
    pub delay: u64,
    /// See `delay`.
    pub jitter: u64,
    /// Bodies take this long; milliseconds.
    pub body: u64,
    /// The share of answers that are errors: on `/health`, on other paths.
    pub errors: [f64; 2],
    /// The share of connections that are reset.
    pub resets: f64,
    /// Bodies say something else: on `/health`, on other paths.
    pub wrong_body: [bool; 2],
    /// Its certificate is not valid.
    pub bad_tls: bool,
    /// Its name is answered this late, in milliseconds, or not with an address.
    pub name: Result<u64, domain::Fault>,
    /// The share of packets that are lost, each way, for everybody.
    pub loss: f64,
}

/// An observer at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Watcher {
    /// It does not run.
    pub lost: bool,
    /// Regions that it reports down, a bit each.
    pub lies: u8,
    /// Regions that it does not reach, a bit each.
    pub cut_off: u8,
    /// The share of packets that its own network loses.
    pub loss: f64,
    /// Its clock is ahead by so many milliseconds, or behind.
    pub ahead: i64,
}

/// What becomes of changes to record sets at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Changes {
    /// The share that never reaches Route 53: its control plane is away, refuses, or is not heard.
    pub fails: f64,
    /// The share that takes effect without anybody hearing of it.
    pub unheard: f64,
    /// They arrive this much later, whoever has given them up meanwhile; milliseconds.
    pub late: u64,
}

impl Changes {
    fn suffer(&mut self, fault: &AwsFault) {
        if !fault.calls.include("route53", "us-east-1", "ChangeResourceRecordSets") {
            return;
        }
        let share = fault.probability.get();
        match &fault.effect {
            Effect::LostReply => self.unheard = self.unheard.max(share),
            Effect::Latency { delay } => self.late += ms(*delay),
            Effect::Error { .. }
            | Effect::Throttle { .. }
            | Effect::Reset
            | Effect::Hang
            | Effect::RegionDown
            | Effect::Route53ControlPlane => self.fails = self.fails.max(share),
            // Of reads, and of events.
            Effect::StaleRead { .. } | Effect::DelayEvents { .. } | Effect::DoubleEvents | Effect::DropEvents => {}
        }
    }
}

/// Everything that is wrong at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// By their place in the order of preference.
    pub places: [Place; MOST],
    /// By their place in the list of observers.
    pub watchers: [Watcher; MOST],
    /// Of Route 53's control plane.
    pub changes: Changes,
    /// Whether nothing is wrong.
    pub clear: bool,
}

const SOUND: Place = Place {
    refuses: false,
    hangs: false,
    delay: 0,
    jitter: 0,
    body: 0,
    errors: [0.0; 2],
    resets: 0.0,
    wrong_body: [false; 2],
    bad_tls: false,
    name: Ok(5),
    loss: 0.0,
};

impl Default for Place {
    fn default() -> Self {
        SOUND
    }
}

impl Conditions {
    /// Nothing is wrong.
    #[must_use]
    pub fn clear() -> Self {
        Self {
            places: std::array::from_fn(|_| SOUND),
            watchers: [Watcher::default(); MOST],
            changes: Changes::default(),
            clear: true,
        }
    }

    /// As a scenario has it.
    pub(crate) fn of(in_force: &InForce, scenario: &Scenario) -> Self {
        let mut conditions = Self::clear();
        conditions.clear = *in_force == InForce::default();
        for (place, region) in conditions.places.iter_mut().zip(&scenario.regions) {
            for fault in in_force.regions.get(region).into_iter().flatten() {
                place.suffer(fault);
            }
            place.name = in_force.names.get(region).map_or(SOUND.name, name);
        }
        in_force.aws.values().for_each(|fault| conditions.changes.suffer(fault));
        let bit = |region| scenario.regions.iter().position(|it| it == region).map_or(0, |place| 1_u8 << place);
        for (watcher, observer) in conditions.watchers.iter_mut().zip(&scenario.observers) {
            let observer = ObserverName::from(observer);
            watcher.lost = in_force.lost.contains(&observer);
            watcher.lies = in_force.lies.get(&observer).into_iter().flatten().map(bit).sum();
            let cut = in_force.cut_off.iter().filter(|(_, observers)| observers.contains(&observer));
            watcher.cut_off = cut.map(|(region, _)| bit(region)).sum();
        }
        conditions
    }
}

fn name(fault: &NameFault) -> Result<u64, domain::Fault> {
    match fault {
        NameFault::Nxdomain => Err(domain::Fault::DnsNxdomain),
        NameFault::Empty => Err(domain::Fault::DnsEmpty),
        NameFault::Servfail => Err(domain::Fault::DnsServfail),
        NameFault::Slow { delay } => Ok(ms(*delay)),
        NameFault::Ttl { .. } => SOUND.name,
    }
}

pub(crate) fn ms(period: domain::Period) -> u64 {
    u64::try_from(period.0.as_millis()).unwrap_or(u64::MAX)
}

impl Place {
    fn suffer(&mut self, fault: &Fault) {
        match fault {
            Fault::Down => self.refuses = true,
            Fault::Hang | Fault::HalfOpen => self.hangs = true,
            Fault::Latency { delay, jitter } => {
                self.delay += ms(*delay);
                self.jitter += ms(*jitter);
            }
            Fault::Errors { share, paths } => {
                let [health, user] = &mut self.errors;
                *user = user.max(share.get());
                if *paths == Paths::All {
                    *health = health.max(share.get());
                }
            }
            Fault::Reset { share } => self.resets = self.resets.max(share.get()),
            Fault::WrongBody { paths } => self.wrong_body = [*paths == Paths::All || self.wrong_body[0], true],
            Fault::SlowBody { over } => self.body = self.body.max(ms(*over)),
            // Mild: the server is slower by some milliseconds.
            Fault::CpuSaturation => self.delay += 5,
            Fault::TlsExpired | Fault::TlsWrongName => self.bad_tls = true,
        }
    }
}

/// What is wrong from a moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Milliseconds since the beginning.
    pub at: u64,
    /// What is wrong.
    pub conditions: Conditions,
}

/// A region that must be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duty {
    /// Its place in the order of preference.
    pub region: usize,
    /// From when on it is in trouble; milliseconds.
    pub from: u64,
    /// Until when.
    pub until: u64,
    /// By when the answer must have left it.
    pub deadline: u64,
}

/// What befalls a world, in the order of time; the first turn is at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// What is wrong when.
    pub turns: Vec<Turn>,
    /// What must be done about it. Leaving a region otherwise is a false failover.
    pub duties: Vec<Duty>,
    /// When it is over; milliseconds.
    pub ends: u64,
}

impl Course {
    /// The turn in force at a moment, sought from a place before it.
    pub(crate) fn at(&self, from: usize, moment: u64) -> usize {
        let later = self.turns[from..].iter().take_while(|turn| turn.at <= moment).count();
        from + later.saturating_sub(1)
    }
}
