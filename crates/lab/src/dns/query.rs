//! What a client asks.

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query as DnsQuery, ResponseCode};
use hickory_proto::rr::DNSClass;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, DecodeError};
use route53::Name;

/// A message that gets a response.
#[derive(Debug)]
pub(super) struct Query<'m> {
    /// The message's first four bytes: what a response repeats is in them.
    pub(super) head: [u8; 4],
    /// The question, or why it can't be answered.
    pub(super) asked: Result<Question<'m>, ResponseCode>,
}

#[derive(Debug)]
pub(super) struct Question<'m> {
    /// As the client wrote it, to be repeated with its upper and lower case.
    pub(super) bytes: &'m [u8],
    /// `None` for what no zone can hold.
    pub(super) name: Option<Name>,
    /// The type's number.
    pub(super) kind: u16,
    /// What the client says of itself, if it knows EDNS.
    pub(super) edns: Option<Extensions>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Extensions {
    pub(super) version: u8,
    /// Bytes that it takes over UDP.
    pub(super) payload: u16,
}

impl<'m> Query<'m> {
    /// Reads a message; `None` for what is too short to be one, and for a response, which must never be answered.
    pub(super) fn read(message: &'m [u8]) -> Option<Self> {
        let mut decoder = BinDecoder::new(message);
        let header = Header::read(&mut decoder).ok()?;
        if header.metadata.message_type == MessageType::Response {
            return None;
        }
        let asked = if header.metadata.op_code == OpCode::Query {
            Question::read(&mut decoder, header).unwrap_or(Err(ResponseCode::FormErr))
        } else {
            Err(ResponseCode::NotImp)
        };
        Some(Query { head: *message.first_chunk()?, asked })
    }
}

impl<'m> Question<'m> {
    fn read(decoder: &mut BinDecoder<'m>, header: Header) -> Result<Result<Self, ResponseCode>, DecodeError> {
        let Header { metadata, counts } = header;
        if counts.queries != 1 {
            return Ok(Err(ResponseCode::FormErr));
        }
        let start = decoder.index();
        let query = DnsQuery::read(decoder)?;
        let bytes = decoder.slice_from(start)?;
        for count in [counts.answers, counts.authorities] {
            Message::read_records(decoder, count.into(), false, metadata.op_code)?;
        }
        let (_, edns, _) = Message::read_records(decoder, counts.additionals.into(), true, metadata.op_code)?;
        let in_a_zone = matches!(query.query_class(), DNSClass::IN | DNSClass::ANY);
        Ok(Ok(Question {
            bytes,
            name: if in_a_zone { Name::from_labels(query.name().iter()) } else { None },
            kind: query.query_type().into(),
            edns: edns.map(|edns: Edns| Extensions { version: edns.version(), payload: edns.max_payload() }),
        }))
    }
}
