//! A response as it is written.

use hickory_proto::op::ResponseCode;
use route53::Chosen;

use super::query::{Extensions, Query};
use super::wire;
use crate::hosted::Data;

/// What we take over UDP and send at most, as current resolvers advise.
const UDP_PAYLOAD: u16 = 1232;
/// What a client without EDNS takes over UDP.
const PLAIN_PAYLOAD: u16 = 512;

const HEADER: usize = 12;
const OPT: usize = 11;
const IN: u16 = 1;
/// Points to the header's end: to the name asked for.
const ASKED: u16 = 0xC00C;

/// How a message came, and its response goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    fn limit(self, edns: Option<Extensions>) -> usize {
        match (self, edns) {
            (Transport::Tcp, _) => u16::MAX.into(),
            (Transport::Udp, None) => PLAIN_PAYLOAD.into(),
            (Transport::Udp, Some(edns)) => edns.payload.clamp(PLAIN_PAYLOAD, UDP_PAYLOAD).into(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    authoritative: bool,
    truncated: bool,
}

/// A response on its way into a buffer.
pub(super) struct Response<'o> {
    out: &'o mut Vec<u8>,
    head: [u8; 4],
    edns: Option<Extensions>,
    /// Where the question ends.
    question: usize,
    limit: usize,
    answers: u16,
    authorities: u16,
}

impl<'o> Response<'o> {
    /// Begins with the question, if it could be read.
    pub(super) fn new(out: &'o mut Vec<u8>, query: &Query<'_>, transport: Transport) -> Self {
        let (bytes, edns) = query.asked.as_ref().map_or((&[][..], None), |asked| (asked.bytes, asked.edns));
        out.clear();
        out.extend_from_slice(&[0; HEADER]);
        out.extend_from_slice(bytes);
        let question = out.len();
        let limit = transport.limit(edns);
        Response { out, head: query.head, edns, question, limit, answers: 0, authorities: 0 }
    }

    /// Adds records to the answer; the first set is that of the name asked for. `None` when they are no data of their type.
    pub(super) fn answer(&mut self, set: &Chosen<'_, Data>) -> Option<()> {
        let first = self.answers == 0;
        for data in set.data.rdata.as_ref()? {
            if first {
                self.out.extend_from_slice(&ASKED.to_be_bytes());
            } else {
                wire::put_name(self.out, set.name);
            }
            self.record(set, data)?;
            self.answers += 1;
        }
        Some(())
    }

    /// Adds the SOA that an answer without records carries (R14).
    pub(super) fn authority(&mut self, soa: &Chosen<'_, Data>) -> Option<()> {
        for data in soa.data.rdata.as_ref()? {
            wire::put_name(self.out, soa.name);
            self.record(soa, data)?;
            self.authorities += 1;
        }
        Some(())
    }

    fn record(&mut self, set: &Chosen<'_, Data>, data: &[u8]) -> Option<()> {
        self.out.extend_from_slice(&wire::code(set.kind).to_be_bytes());
        self.out.extend_from_slice(&IN.to_be_bytes());
        self.out.extend_from_slice(&set.ttl.to_be_bytes());
        self.out.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        self.out.extend_from_slice(data);
        Some(())
    }

    /// Ends with an answer of the zone.
    pub(super) fn finish(mut self, code: ResponseCode) {
        let room = self.limit - if self.edns.is_some() { OPT } else { 0 };
        let truncated = self.out.len() > room;
        if truncated {
            // The client asks again over TCP, and would believe no part of it.
            self.drop_records();
        }
        self.end(code, Flags { authoritative: true, truncated });
    }

    /// Ends without records, since the zone can't answer.
    pub(super) fn fail(mut self) {
        self.drop_records();
        self.end(ResponseCode::ServFail, Flags { authoritative: true, truncated: false });
    }

    /// Ends without records, since this is no question for us.
    pub(super) fn refuse(mut self, code: ResponseCode) {
        self.drop_records();
        self.end(code, Flags::default());
    }

    fn drop_records(&mut self) {
        self.out.truncate(self.question);
        self.answers = 0;
        self.authorities = 0;
    }

    fn end(self, code: ResponseCode, flags: Flags) {
        let [high, low, first, second] = self.head;
        let [_, code_low] = u16::from(code).to_be_bytes();
        // Opcode and "recursion desired" are the client's, as is "checking disabled"; recursion is never available.
        let first = 0x80 | first & 0x79 | u8::from(flags.authoritative) << 2 | u8::from(flags.truncated) << 1;
        let second = second & 0x10 | code_low & 0x0F;
        let questions = u16::from(self.question > HEADER);
        let counts = [questions, self.answers, self.authorities, self.edns.is_some().into()];
        self.out[..4].copy_from_slice(&[high, low, first, second]);
        for (place, count) in self.out[4..HEADER].chunks_exact_mut(2).zip(counts) {
            place.copy_from_slice(&count.to_be_bytes());
        }
        if self.edns.is_some() {
            let [_, opt] = 41_u16.to_be_bytes();
            let [size_high, size_low] = UDP_PAYLOAD.to_be_bytes();
            // Root, type, payload; the code's upper bits, version 0, no flags, no options.
            self.out.extend_from_slice(&[0, 0, opt, size_high, size_low, code_low >> 4, 0, 0, 0, 0, 0]);
        }
    }
}
