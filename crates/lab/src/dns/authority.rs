//! From a query to its response: what the zone says, and how names are made to fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Period;
use hickory_proto::op::ResponseCode;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use route53::{Answer, Chosen, Compiled, Draw, Name, RecordType};
use scenario::fault::NameFault;

use super::query::{Query, Question};
use super::response::{Response, Transport};
use super::wire;
use crate::hosted::{Answers, Data, Route53};

/// What all sockets answer from.
pub(super) struct Authority {
    route53: Arc<Route53>,
    draws: Mutex<ChaCha8Rng>,
}

/// What the zone says, and by how much a name on the way delays it.
struct Said<'z> {
    answer: Answer<Chosen<'z, Data>>,
    late: Duration,
}

impl Authority {
    pub(super) fn new(route53: Arc<Route53>, seed: u64) -> Self {
        Authority { route53, draws: Mutex::new(ChaCha8Rng::seed_from_u64(seed)) }
    }

    /// The response to a message, when it is due; `None` for a message that gets none.
    pub(super) async fn respond_in_time(&self, message: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let query = Query::read(message)?;
        if let Some(delay) = self.delay(&query) {
            tokio::time::sleep(delay).await;
        }
        let mut response = Vec::new();
        let late = self.respond(&query, transport, &mut response);
        if !late.is_zero() {
            tokio::time::sleep(late).await;
        }
        Some(response)
    }

    /// How long a slow name lets a client wait before it is even looked up.
    pub(super) fn delay(&self, query: &Query<'_>) -> Option<Duration> {
        let name = query.asked.as_ref().ok()?.name.as_ref()?;
        match self.route53.answers().fault(name) {
            Some(NameFault::Slow { delay }) => Some(delay.0),
            _ => None,
        }
    }

    /// Writes the response as it is now; it is to be held back by what this returns.
    pub(super) fn respond(&self, query: &Query<'_>, transport: Transport, out: &mut Vec<u8>) -> Duration {
        let mut response = Response::new(out, query, transport);
        let refuse = |response: Response<'_>, code| {
            response.refuse(code);
            Duration::ZERO
        };
        let asked = match &query.asked {
            Err(code) => return refuse(response, *code),
            Ok(Question { edns: Some(edns), .. }) if edns.version > 0 => {
                return refuse(response, ResponseCode::BADVERS);
            }
            Ok(asked) => asked,
        };
        let answers = self.route53.answers();
        let held = asked.name.as_ref().and_then(|name| Some((name, answers.zone(name)?)));
        let Some((name, zone)) = held else { return refuse(response, ResponseCode::Refused) };
        let draw = Draw(self.draws.lock().expect("no holder of this lock panics").next_u64());
        let Some(Said { answer, late }) = say(&answers, zone, name, wire::kind(asked.kind), draw) else {
            response.fail();
            return Duration::ZERO;
        };
        let (code, sets) = match answer {
            Answer::Records(sets) => (ResponseCode::NoError, sets),
            Answer::NoData => (ResponseCode::NoError, Vec::new()),
            Answer::NxDomain => (ResponseCode::NXDomain, Vec::new()),
        };
        let soa = if sets.is_empty() { answers.soa(zone, draw) } else { None };
        let written = sets
            .iter()
            .try_for_each(|set| response.answer(set))
            .and_then(|()| soa.map_or(Some(()), |soa| response.authority(&soa)));
        match written {
            Some(()) => response.finish(code),
            None => response.fail(),
        }
        late
    }
}

/// What the zone says while names fail as they are told to; `None` for SERVFAIL.
fn say<'z>(
    answers: &'z Answers,
    zone: &'z Compiled<Data>,
    name: &'z Name,
    kind: Option<RecordType>,
    draw: Draw,
) -> Option<Said<'z>> {
    // A type that Route 53 does not hold is one that the name does not have.
    let mut answer = answers.ask(zone, name, kind.unwrap_or(RecordType::Soa), draw);
    let mut late = Duration::ZERO;
    if let Answer::Records(sets) = &mut answer {
        // A fault of a name that a chain of CNAMEs leads to: the chain ends there.
        let mut led_to = sets.iter().enumerate().skip(1);
        match led_to.find_map(|(place, set)| Some((place, answers.fault(set.name)?))) {
            Some((_, NameFault::Servfail)) => return None,
            Some((place, NameFault::Nxdomain | NameFault::Empty)) => sets.truncate(place),
            Some((place, NameFault::Ttl { ttl })) => sets[place].ttl = seconds(*ttl),
            Some((_, NameFault::Slow { delay })) => late = delay.0,
            None => {}
        }
        if kind.is_none() {
            answer = Answer::NoData;
        }
    }
    match (answers.fault(name), &mut answer) {
        (Some(NameFault::Servfail), _) => return None,
        (Some(NameFault::Nxdomain), _) => answer = Answer::NxDomain,
        (Some(NameFault::Empty), Answer::Records(_)) => answer = Answer::NoData,
        (Some(NameFault::Ttl { ttl }), Answer::Records(sets)) => {
            for set in sets {
                set.ttl = seconds(*ttl);
            }
        }
        _ => {}
    }
    Some(Said { answer, late })
}

fn seconds(ttl: Period) -> u32 {
    u32::try_from(ttl.0.as_secs()).unwrap_or(u32::MAX)
}
