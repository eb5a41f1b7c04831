//! What a probe meets: packets that are lost and sent again, servers that fail, and its own patience.

use domain::Fault;

use crate::{chance::Chance, course::Place};

/// When a packet that had no reply is sent again: a handshake's after 1 s, 3 s, 7 s (RFC 6298's first time-out).
const HANDSHAKE: [u64; 4] = [0, 1_000, 3_000, 7_000];
/// An established connection's, on a path of some tens of milliseconds.
const EXCHANGE: [u64; 6] = [0, 200, 600, 1_400, 3_000, 6_200];

/// How one side reaches a region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// There and back; milliseconds.
    pub(crate) round_trip: u64,
    /// The share of packets that are lost, each way; 1 is a cut.
    pub(crate) loss: f64,
}

impl Path {
    pub(crate) fn new(round_trip: u64, one: f64, other: f64, cut: bool) -> Self {
        Self { round_trip, loss: if cut { 1.0 } else { 1.0 - (1.0 - one) * (1.0 - other) } }
    }

    /// When a reply is there, if in time: a packet and its reply must both arrive.
    fn reply(self, sent: &[u64], begun: u64, limit: u64, chance: &mut Chance) -> Option<u64> {
        let lost = 1.0 - (1.0 - self.loss) * (1.0 - self.loss);
        let arrives = |at: &&u64| !chance.happens(lost) && begun + **at + self.round_trip <= limit;
        sent.iter()
            .take_while(|at| begun + **at + self.round_trip <= limit)
            .find(arrives)
            .map(|at| begun + at + self.round_trip)
    }
}

/// What is asked of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    /// What is spoken.
    pub(crate) kind: Kind,
    /// The region's name is resolved first.
    pub(crate) by_name: bool,
    /// Milliseconds for all of it.
    pub(crate) limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dns,
    Tcp,
    Http {
        tls: Tls,
        /// 0 for `/health`, 1 for others.
        path: usize,
        /// A body is expected to say something.
        body: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    None,
    /// R24: checkers do not validate.
    Any,
    Valid,
}

/// Milliseconds until it was done, or what went wrong, and when.
pub(crate) type Met = Result<u64, (Fault, u64)>;

/// One attempt.
pub(crate) fn attempt(ask: Ask, place: &Place, path: Path, chance: &mut Chance) -> Met {
    let limit = ask.limit;
    let mut at = 0;
    if ask.by_name || ask.kind == Kind::Dns {
        at = place.name.map_err(|fault| (fault, 5))?;
        if at > limit {
            return Err((Fault::DnsTimeout, limit));
        }
    }
    if ask.kind == Kind::Dns {
        return Ok(at);
    }
    at = path.reply(&HANDSHAKE, at, limit, chance).ok_or((Fault::ConnectTimeout, limit))?;
    if place.refuses {
        return Err((Fault::ConnectRefused, at));
    }
    let Kind::Http { tls, path: which, body } = ask.kind else { return Ok(at) };
    if place.hangs {
        return Err((Fault::HttpTimeout, limit));
    }
    if tls != Tls::None {
        at = path.reply(&EXCHANGE, at, limit, chance).ok_or((Fault::TlsTimeout, limit))?;
        if tls == Tls::Valid && place.bad_tls {
            return Err((Fault::Tls, at));
        }
    }
    if chance.happens(place.resets) {
        return Err((Fault::HttpBroken, at));
    }
    let served = at + place.delay + if place.jitter > 0 { chance.between(0, place.jitter) } else { 0 };
    at = path.reply(&EXCHANGE, served, limit, chance).ok_or((Fault::HttpTimeout, limit))? + place.body;
    if at > limit {
        return Err((Fault::HttpTimeout, limit));
    }
    if chance.happens(place.errors[which]) {
        return Err((Fault::HttpStatus, at));
    }
    if body && place.wrong_body[which] {
        return Err((Fault::HttpBody, at));
    }
    Ok(at)
}

/// The share of a client's requests that succeed at a region.
pub(crate) fn success(place: &Place, limit: u64, by_name: bool, tls: bool) -> f64 {
    let slow = place.delay + place.jitter / 2 + place.body > limit;
    let nameless = by_name && place.name.is_err();
    if place.refuses || place.hangs || slow || nameless || (tls && place.bad_tls) {
        return 0.0;
    }
    let lost = 1.0 - (1.0 - place.loss) * (1.0 - place.loss);
    let tries = |sent: &[u64]| sent.iter().filter(|at| **at + 50 <= limit).count();
    let arrives = |sent: &[u64]| 1.0 - lost.powi(i32::try_from(tries(sent)).unwrap_or(1));
    (1.0 - place.errors[1]) * (1.0 - place.resets) * arrives(&HANDSHAKE) * arrives(&EXCHANGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Lane;

    const PATH: Path = Path { round_trip: 60, loss: 0.0 };
    const HTTP: Ask = Ask { kind: Kind::Http { tls: Tls::None, path: 0, body: false }, by_name: true, limit: 4_000 };

    fn share_that_fails(loss: f64, limit: u64) -> f64 {
        let mut chance = Chance::new(1, 1, Lane::World);
        let path = Path::new(60, loss, 0.0, false);
        let ask = Ask { limit, ..HTTP };
        let failed = (0..50_000).filter(|_| attempt(ask, &Place::default(), path, &mut chance).is_err()).count();
        failed as f64 / 50_000.0
    }

    #[test]
    fn a_sound_region_on_a_sound_path_answers_without_a_draw() {
        let mut chance = Chance::new(1, 1, Lane::World);
        let before = format!("{chance:?}");
        assert_eq!(attempt(HTTP, &Place::default(), PATH, &mut chance), Ok(125));
        assert_eq!(format!("{chance:?}"), before);
    }

    #[test]
    fn lost_packets_are_sent_again_as_long_as_patience_lasts() {
        // Three tries of the handshake within 4 s, five or fewer of the request: (1 - 0.8²)³ and a little more.
        let failing = share_that_fails(0.2, 4_000);
        assert!((0.05..0.09).contains(&failing), "{failing}");
        // One try of each within 800 ms, and a second and third of the request.
        let failing = share_that_fails(0.2, 800);
        assert!((0.36..0.45).contains(&failing), "{failing}");
        assert_eq!(share_that_fails(0.0, 800).to_bits(), 0.0_f64.to_bits());
        assert_eq!(share_that_fails(1.0, 800).to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn each_fault_is_met_where_it_lies() {
        let met = |place: Place, kind| {
            attempt(Ask { kind, ..HTTP }, &place, PATH, &mut Chance::new(1, 1, Lane::World)).map_err(|(fault, _)| fault)
        };
        let http = HTTP.kind;
        assert_eq!(met(Place { refuses: true, ..Place::default() }, Kind::Tcp), Err(Fault::ConnectRefused));
        assert_eq!(met(Place { hangs: true, ..Place::default() }, Kind::Tcp), Ok(65));
        assert_eq!(met(Place { hangs: true, ..Place::default() }, http), Err(Fault::HttpTimeout));
        assert_eq!(met(Place { delay: 5_000, ..Place::default() }, http), Err(Fault::HttpTimeout));
        assert_eq!(met(Place { errors: [1.0; 2], ..Place::default() }, http), Err(Fault::HttpStatus));
        assert_eq!(met(Place { name: Err(Fault::DnsEmpty), ..Place::default() }, Kind::Tcp), Err(Fault::DnsEmpty));
        let valid = |tls| Kind::Http { tls, path: 0, body: false };
        assert_eq!(met(Place { bad_tls: true, ..Place::default() }, valid(Tls::Valid)), Err(Fault::Tls));
        assert!(met(Place { bad_tls: true, ..Place::default() }, valid(Tls::Any)).is_ok(), "R24");
    }
}
