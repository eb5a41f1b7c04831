//! AWS that fails: the rules in force, and what they make of each call.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, Response};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenario::aws::{AwsFault, Effect};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Call;
use super::calls::Identity;
use super::refusal::Refusal;
use crate::health::Pace;

/// What becomes of a call.
#[derive(Debug, Default)]
pub(super) struct Harm {
    /// Whether any rule met it.
    pub(super) injected: bool,
    /// It takes so much longer.
    pub(super) late: Duration,
    pub(super) fate: Fate,
    /// What becomes of the events that it brings.
    pub(super) events: Delivery,
}

#[derive(Debug, Default)]
pub(super) enum Fate {
    /// It is answered as ever.
    #[default]
    Answered,
    Refused(Refusal),
    Reset,
    /// Until its rule ends.
    Hangs(CancellationToken),
    ReplyLost,
    /// It gets an answer of before.
    Stale(Response<Bytes>),
}

/// How events that were taken are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Delivery {
    #[default]
    Once,
    Later(Duration),
    Twice,
    Never,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The lab's; none before there was a rule.
    pace: Option<Pace>,
    rules: BTreeMap<usize, Rule>,
    reads: Reads,
}

/// A rule, and what belongs to it for as long as it is in force.
#[derive(Debug)]
struct Rule {
    fault: AwsFault,
    random: ChaCha8Rng,
    over: CancellationToken,
}

impl Drop for Rule {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Rule {
    fn meets(&mut self, identity: &Identity, path: &str) -> bool {
        let AwsFault { calls, resource, probability, .. } = &self.fault;
        calls.include(&identity.service, &identity.region, &identity.operation)
            && resource.as_ref().is_none_or(|part| path.contains(part.as_str()))
            && self.random.random::<f64>() < probability.get()
    }
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts these in force, and no others. One that was in force goes on with its draws; the seed rules those of a new one.
    pub(super) fn set(&self, faults: &BTreeMap<usize, AwsFault>, pace: Pace) {
        let mut inner = self.lock();
        inner.pace = Some(pace);
        inner.rules.retain(|place, rule| faults.get(place) == Some(&rule.fault));
        for (place, fault) in faults {
            inner.rules.entry(*place).or_insert_with(|| {
                let mut random = ChaCha8Rng::seed_from_u64(pace.seed);
                random.set_stream(*place as u64);
                Rule { fault: fault.clone(), random, over: CancellationToken::new() }
            });
        }
        if !inner.rules.values().any(|rule| matches!(rule.fault.effect, Effect::StaleRead { .. })) {
            inner.reads = Reads::default();
        }
    }

    /// What becomes of a call: the first rule that ends it does, delays add up.
    pub(super) fn harm(&self, identity: &Identity, call: &Call) -> Harm {
        let mut harm = Harm::default();
        let mut inner = self.lock();
        let Inner { rules, reads, .. } = &mut *inner;
        for rule in rules.values_mut() {
            if !matches!(harm.fate, Fate::Answered) {
                break;
            }
            if !rule.meets(identity, call.uri.path()) {
                continue;
            }
            let mut injected = true;
            match &rule.fault.effect {
                Effect::Error { status, code } => harm.fate = Fate::Refused(Refusal::new(*status, code)),
                Effect::Throttle { code } => {
                    harm.fate = Fate::Refused(Refusal::throttled(identity, code.as_deref()));
                }
                Effect::Latency { delay } => harm.late += delay.0,
                // Nothing is left there to answer, not even with an error.
                Effect::Reset | Effect::RegionDown => harm.fate = Fate::Reset,
                Effect::Hang => harm.fate = Fate::Hangs(rule.over.clone()),
                Effect::LostReply => harm.fate = Fate::ReplyLost,
                Effect::Route53ControlPlane => {
                    harm.fate = Fate::Refused(Refusal::new(503, "ServiceUnavailable"));
                }
                Effect::StaleRead { window } => match reads.stale(identity, call, window.0) {
                    Some(answer) => harm.fate = Fate::Stale(answer),
                    None => injected = false,
                },
                Effect::DelayEvents { delay } => harm.events = harm.events.or(Delivery::Later(delay.0)),
                Effect::DoubleEvents => harm.events = harm.events.or(Delivery::Twice),
                Effect::DropEvents => harm.events = harm.events.or(Delivery::Never),
            }
            harm.injected |= injected;
        }
        harm
    }

    /// Whether the function that an event in this region leads to can't be invoked now: the emulator delivers events
    /// by itself, so that such an invocation is no call that passes here.
    pub(super) fn refuse_invocation(&self, region: &str) -> bool {
        let invoke = Identity::of("lambda", region, "Invoke");
        let ends = |effect: &Effect| {
            matches!(
                effect,
                Effect::Error { .. } | Effect::Throttle { .. } | Effect::Reset | Effect::Hang | Effect::RegionDown
            )
        };
        self.lock().rules.values_mut().any(|rule| ends(&rule.fault.effect) && rule.meets(&invoke, ""))
    }

    /// A length of life in the lab.
    pub(super) fn scaled(&self, life: Duration) -> Duration {
        self.lock().pace.map_or(life, |pace| pace.scaled(life))
    }

    /// Remembers what a read got, or that something was written, while reads may be stale.
    pub(super) fn saw(&self, identity: &Identity, call: &Call, answer: &Response<Bytes>) {
        let mut inner = self.lock();
        let watched = inner.rules.values().any(|rule| matches!(rule.fault.effect, Effect::StaleRead { .. }));
        if watched && answer.status().is_success() {
            inner.reads.saw(identity, call, answer);
        }
    }
}

impl Delivery {
    /// The first rule that has a say decides.
    fn or(self, other: Self) -> Self {
        if self == Self::Once { other } else { self }
    }
}

/// What each read got before the last write to what it reads.
#[derive(Debug, Default)]
struct Reads {
    /// By the resource: its last write.
    written: BTreeMap<String, Instant>,
    /// By path and query: before the last write to what is read, and since.
    answers: BTreeMap<String, Answers>,
}

/// What a read got.
#[derive(Debug, Default)]
struct Answers {
    before: Option<Response<Bytes>>,
    since: Option<Response<Bytes>>,
}

impl Reads {
    fn saw(&mut self, identity: &Identity, call: &Call, answer: &Response<Bytes>) {
        let resource = resource(identity, call);
        if call.method == Method::GET {
            self.answers.entry(asked(call)).or_default().since = Some(answer.clone());
        } else if call.method != Method::HEAD {
            for (path, Answers { before, since }) in &mut self.answers {
                if path.starts_with(&resource) && since.is_some() {
                    *before = since.take();
                }
            }
            self.written.insert(resource, Instant::now());
        }
    }

    fn stale(&self, identity: &Identity, call: &Call, window: Duration) -> Option<Response<Bytes>> {
        if call.method != Method::GET {
            return None;
        }
        let written = self.written.get(&resource(identity, call))?;
        let Answers { before, since } = self.answers.get(&asked(call))?;
        // What nobody has read since the write is as it was before it.
        (written.elapsed() < window).then(|| before.clone().or_else(|| since.clone())).flatten()
    }
}

fn asked(call: &Call) -> String {
    call.uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

/// What a call reads or writes: an object, or the records of a zone.
fn resource(identity: &Identity, call: &Call) -> String {
    let path = call.uri.path();
    if identity.service == "route53" { path.trim_end_matches('/').to_owned() } else { path.to_owned() }
}

#[cfg(test)]
mod tests;
