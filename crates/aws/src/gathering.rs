//! Services of one zone that have records to change in one look share a batch: an account has few calls (R42), and a zone
//! takes one change at a time.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{HostedZoneId, Service};
use route53::Change;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use crate::{
    error::AwsError,
    switch::{Switch, SwitchError},
};

/// As long a service that is ready waits for the others of its zone, which may be held up: a write to S3 or two, which a
/// lab's clock makes no faster.
const PATIENCE: Duration = Duration::from_millis(500);
/// Characters of a batch's comment.
const COMMENT: usize = 256;

/// The seats of one look: one for each service, by zone.
#[derive(Debug)]
pub(crate) struct Gatherings(BTreeMap<HostedZoneId, Arc<Gathering>>);

/// One zone's services in one look.
#[derive(Debug, Default)]
struct Gathering {
    /// Services of which it is not known yet whether they have anything to change.
    awaited: watch::Sender<usize>,
    parts: Mutex<Vec<Part>>,
}

/// What one service has to change.
#[derive(Debug)]
struct Part {
    batch: Vec<Change>,
    comment: String,
    came: oneshot::Sender<Result<String, SwitchError>>,
}

/// A service's place in a look. Given up, the others wait for it no longer.
#[derive(Debug)]
pub(crate) struct Seat {
    gathering: Arc<Gathering>,
    awaited: Mutex<bool>,
}

impl Gatherings {
    /// Of one look at these services.
    pub(crate) fn of(services: &[Service]) -> Self {
        let mut zones: BTreeMap<_, Arc<Gathering>> = BTreeMap::new();
        for service in services {
            let zone = zones.entry(service.hosted_zone.clone()).or_default();
            zone.awaited.send_modify(|awaited| *awaited += 1);
        }
        Self(zones)
    }

    /// The place of one of these services; to be asked for once.
    pub(crate) fn seat(&self, service: &Service) -> Seat {
        Seat { gathering: Arc::clone(&self.0[&service.hosted_zone]), awaited: Mutex::new(true) }
    }
}

impl Gathering {
    fn parts(&self) -> std::sync::MutexGuard<'_, Vec<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Of a look at one service alone.
    pub(crate) fn alone() -> Self {
        Self { gathering: Arc::default(), awaited: Mutex::new(false) }
    }

    /// Changes records of a zone, together with those who are ready in the same look; the id of the change.
    pub(crate) async fn change(
        &self,
        switch: &Switch,
        zone: &HostedZoneId,
        batch: Vec<Change>,
        comment: String,
    ) -> Result<String, SwitchError> {
        let (came, comes) = oneshot::channel();
        let leads = {
            let mut parts = self.gathering.parts();
            parts.push(Part { batch, comment, came });
            parts.len() == 1
        };
        self.arrive();
        if leads {
            // Too late is alone: whoever comes after that leads a batch of its own.
            let _ = timeout(PATIENCE, self.gathering.awaited.subscribe().wait_for(|awaited| *awaited == 0)).await;
            let parts = mem::take(&mut *self.gathering.parts());
            for parts in packed(parts) {
                send(switch, zone, parts).await;
            }
        }
        comes.await.unwrap_or_else(|_| {
            let cause = "whoever sent it together with its own was ended".to_owned();
            Err(AwsError::Unreachable { operation: "ChangeResourceRecordSets", cause }.into())
        })
    }

    /// Whether it changes anything or not is known now: the others wait for it no longer.
    pub(crate) fn arrive(&self) {
        if mem::take(&mut *self.awaited.lock().unwrap_or_else(PoisonError::into_inner)) {
            self.gathering.awaited.send_modify(|awaited| *awaited = awaited.saturating_sub(1));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.arrive();
    }
}

/// As few batches as Route 53's limits allow, in order; none is torn apart.
fn packed(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let mut batches: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        match batches.last_mut() {
            Some(last) if route53::fits(last.iter().chain([&part]).flat_map(|part| &part.batch)) => last.push(part),
            _ => batches.push(vec![part]),
        }
    }
    batches
}

/// Sends parts in one batch. Refused, each is sent by itself: one bad record keeps nobody else where it is.
async fn send(switch: &Switch, zone: &HostedZoneId, parts: Vec<Part>) {
    let batch: Vec<Change> = parts.iter().flat_map(|part| part.batch.iter().cloned()).collect();
    let comment = parts.iter().map(|part| part.comment.as_str()).collect::<Vec<_>>().join("; ");
    let comment: String = comment.chars().take(COMMENT).collect();
    match switch.change(zone, &batch, &comment).await {
        Err(SwitchError::Refused(why)) if parts.len() > 1 => {
            tracing::warn!(%zone, parts = parts.len(), %why, "a batch of several services is refused: each is sent by itself");
            for Part { batch, comment, came } in parts {
                // Whoever waits for it may have been ended.
                let _ = came.send(switch.change(zone, &batch, &comment).await);
            }
        }
        result => {
            for part in parts {
                let _ = part.came.send(result.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use route53::{Action, RecordSet, RecordType, Routing, Target};

    use super::*;

    fn part(records: usize) -> Part {
        let set = RecordSet {
            name: "api.example.com".parse().unwrap(),
            kind: RecordType::A,
            routing: Routing::Simple,
            target: Target::Values { ttl: 20, values: vec!["192.0.2.1".to_owned(); records] },
            health_check: None,
        };
        Part { batch: vec![Change { action: Action::Create, set }], comment: String::new(), came: oneshot::channel().0 }
    }

    #[test]
    fn r42_a_batch_is_within_the_limits_and_no_part_is_torn_apart() {
        let sizes = |parts: &[usize]| {
            let batches = packed(parts.iter().map(|records| part(*records)).collect());
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[400, 400, 200]), [3]);
        assert_eq!(sizes(&[400, 400, 201, 10]), [2, 2]);
        // It is refused alone rather than not sent.
        assert_eq!(sizes(&[10, 1001, 10]), [1, 1, 1]);
    }

    #[test]
    fn who_has_nothing_to_change_is_not_waited_for() {
        let gathering = Arc::<Gathering>::default();
        gathering.awaited.send_modify(|awaited| *awaited += 2);
        let seat = || Seat { gathering: Arc::clone(&gathering), awaited: Mutex::new(true) };
        let (one, other) = (seat(), seat());
        one.arrive();
        one.arrive();
        assert_eq!(*gathering.awaited.borrow(), 1, "it is counted once");
        drop(other);
        assert_eq!(*gathering.awaited.borrow(), 0);
    }
}
