//! A service's life: its first region fails, is left, comes back and is returned to, by the function alone.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use decision::fence_in;
use domain::{Answering, AuditEntry, AuditKind, Phase, Service, ServiceState, Verdict};
use lab::{
    hosted::ZoneId,
    proxy::{Interruption, Point},
};
use nix::sys::signal::{Signal, kill};
use probe::Prober;
use route53::RecordSet;

use crate::{process::Function, scene::Scene, world::World};

const PATIENCE: Duration = Duration::from_secs(30);

/// At which call, of an operation alone or of all, and on which side of its effect.
pub(crate) type Where = (Option<&'static str>, usize, Point);

/// How a life ended, and what is left of it.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) end: End,
    /// Epoch and kind of each entry of the audit trail in the order of their keys, holds apart: they tell of looks.
    pub(crate) audit: Vec<String>,
    /// Events of which people were not told.
    pub(crate) not_told: Vec<String>,
    /// Where the function was ended; none where it was not.
    pub(crate) ended: Option<Ended>,
}

/// Everything that must be the same however often the function was ended, times and plans' ids apart.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    phase: Phase,
    epoch: u64,
    automatic: usize,
    answering: Answering,
    state: String,
    /// By name, role and type; the fence's plan is blanked.
    records: BTreeSet<String>,
}

/// An end by force.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "told where a test fails")]
pub(crate) struct Ended {
    pub(crate) operation: String,
    pub(crate) point: Point,
}

impl World {
    /// Lives a whole life under a name of its own, and ends the function once if it is told where.
    pub(crate) async fn live(&self, name: &str, end_at: Option<Where>) -> Life {
        let config = self.config(name, &["api"]).await;
        let service = &config.services[0];
        self.deploy(&config, name).await;
        let caller = format!("crash-{name}");
        let environment = self.environment(&caller, name);
        let mut function = Function::start(&environment).await;
        let ended = Arc::<Mutex<Option<Ended>>>::default();
        if let Some((operation, call, point)) = end_at {
            let (pid, ended) = (function.pid(), Arc::clone(&ended));
            let end = Box::new(move |operation: &str| {
                kill(pid, Signal::SIGKILL).unwrap();
                *ended.lock().unwrap() = Some(Ended { operation: operation.to_owned(), point });
            });
            self.proxy.interrupt(&caller, Interruption { operation: operation.map(str::to_owned), call, point, end });
        }
        let mut scene = Scene::new(self, &config, service);
        for (verdict, epoch, phase) in [(Verdict::Down, 1, Phase::FailedOver), (Verdict::Up, 2, Phase::Steady)] {
            let began = Instant::now();
            loop {
                scene.observe(verdict).await;
                match function.invoke().await {
                    Some(Ok(_)) => {}
                    Some(Err(why)) => panic!("{name}: {why}"),
                    None => function = Function::start(&environment).await,
                }
                let (state, _) = self.store.state(&service.name).await.unwrap().unwrap();
                let rests = state.in_flight.is_none() && state.untold.is_empty();
                if rests && (state.epoch.0, state.phase) == (epoch, phase) {
                    break;
                }
                assert!(state.epoch.0 <= epoch, "{name}: a flip too many: {state:#?}");
                assert!(began.elapsed() < PATIENCE, "{name}: {state:#?}");
            }
        }
        let ended = ended.lock().unwrap().clone();
        self.sum_up(service, &scene.prober, ended).await
    }

    async fn sum_up(&self, service: &Service, prober: &Prober, ended: Option<Ended>) -> Life {
        let (state, _) = self.store.state(&service.name).await.unwrap().unwrap();
        let zone = self.route53.accepted(&ZoneId(service.hosted_zone.to_string())).unwrap();
        let sets: Vec<RecordSet> = zone.sets().filter(|set| decision::is_ours(service, &set.name)).cloned().collect();
        assert_eq!(fence_in(service, &sets).as_deref(), Some(state.fence.as_str()), "the zone and the state agree");
        let blank = |text: String| text.replace(state.fence.as_str(), "FENCE").replace(service.name.as_str(), "NAME");
        let mut kept_entries: Vec<(String, AuditEntry)> = Vec::new();
        let told = {
            let kept = self.kept.lock().unwrap();
            for (key, body) in &kept.objects {
                if key.starts_with(&format!("audit/{}/", service.name)) {
                    kept_entries.push((key.clone(), serde_json::from_slice(body).unwrap()));
                }
            }
            kept.notices.clone()
        };
        kept_entries.sort_by_key(|(_, entry)| entry.at);
        let events: Vec<_> = kept_entries.iter().filter_map(|(_, entry)| Some((entry, event(entry)?))).collect();
        let not_told = events.iter().filter_map(|(_, (_, subject))| subject.clone()).filter(|it| !told.contains(it));
        let normal = |state: &ServiceState| {
            let slots = state.slots.iter().map(|slot| format!("{} {:?}", slot.region, slot.arming));
            blank(format!(
                "{} {} {:?} unverified {}, left {}",
                state.active,
                state.fence,
                slots.collect::<Vec<_>>(),
                state.unverified.is_some(),
                state.unacknowledged.is_some(),
            ))
        };
        Life {
            end: End {
                phase: state.phase,
                epoch: state.epoch.0,
                automatic: state.automatic.len(),
                answering: prober.answering(service).await,
                state: normal(&state),
                records: sets.iter().map(|set| blank(format!("{set:?}"))).collect(),
            },
            audit: events.iter().map(|(entry, (kind, _))| format!("{} {kind}", entry.epoch)).collect(),
            not_told: not_told.collect(),
            ended,
        }
    }
}

/// What kind of event an entry is, and the subject under which people are told; none for a hold.
fn event(entry: &AuditEntry) -> Option<(&'static str, Option<String>)> {
    let service = &entry.service;
    Some(match &entry.kind {
        AuditKind::Taken { plan } => {
            ("taken", Some(format!("{service}: {} from {} to {}", plan.kind, plan.from, plan.to)))
        }
        AuditKind::Applied { .. } => ("applied", None),
        AuditKind::Verified { plan } => ("verified", Some(format!("{service}: plan {plan} is verified"))),
        AuditKind::Held { .. } => return None,
        other => panic!("not in such a life: {other:?}"),
    })
}
