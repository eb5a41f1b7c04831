//! One question to one DNS server, without a resolver between.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use domain::DnsName;
use hickory_proto::{
    ProtoError,
    op::{Edns, Message, MessageType, Query, ResponseCode},
    rr::{Record, RecordType},
    serialize::binary::DecodeError,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::resolve::absolute;

/// The largest answer over UDP that no path fragments (DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1232;

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// NOERROR, NXDOMAIN, SERVFAIL, …
    pub code: ResponseCode,
    /// Whether the server answers from the zone itself (the AA bit).
    pub authoritative: bool,
    /// The answer section, each record with its TTL in seconds; all of it, over TCP if it was too long for UDP.
    pub records: Vec<Record>,
}

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing came in time.
    #[error("no answer from {server} within {within:?}")]
    TimedOut {
        /// The server asked.
        server: SocketAddr,
        /// How long it had.
        within: Duration,
    },
    /// The port is closed, there is no route, or the connection broke.
    #[error("cannot ask {server}: {source}")]
    Io {
        /// The server asked.
        server: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The question cannot be written.
    #[error("cannot write the question for {server}: {source}")]
    Question {
        /// The server to be asked.
        server: SocketAddr,
        /// What the encoder says.
        source: ProtoError,
    },
    /// What came back is no DNS answer.
    #[error("unreadable answer from {server}: {source}")]
    Unreadable {
        /// The server asked.
        server: SocketAddr,
        /// What the decoder says.
        source: DecodeError,
    },
    /// The server answered with an error, or does not serve the zone.
    #[error("{server} gives no authoritative answer for {name}: {code}")]
    Lame {
        /// The server asked.
        server: SocketAddr,
        /// The name asked for.
        name: DnsName,
        /// What it said.
        code: ResponseCode,
    },
}

/// Asks one server once, recursion not desired: over UDP, and over TCP if the answer was cut.
/// `within` bounds all of it. Any response code is an answer.
pub async fn ask(server: SocketAddr, name: &DnsName, kind: RecordType, within: Duration) -> Result<Answer, AskError> {
    let mut question = Message::query();
    question.add_query(Query::query(absolute(name), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    question.set_edns(edns);
    let exchange = async {
        let bytes = question.to_vec().map_err(|source| AskError::Question { server, source })?;
        let message = match over_udp(server, &question, &bytes).await? {
            cut if cut.metadata.truncation => over_tcp(server, &bytes).await?,
            whole => whole,
        };
        Ok(Answer {
            code: message.metadata.response_code,
            authoritative: message.metadata.authoritative,
            records: message.answers,
        })
    };
    timeout(within, exchange).await.unwrap_or(Err(AskError::TimedOut { server, within }))
}

async fn over_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, AskError> {
    let io = |source| AskError::Io { server, source };
    let local = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(local).await.map_err(io)?;
    socket.connect(server).await.map_err(io)?;
    socket.send(bytes).await.map_err(io)?;
    let mut buffer = vec![0; usize::from(UDP_PAYLOAD)];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(io)?;
        // Late answers to others, and forged ones, may arrive here: only the own question's counts.
        match Message::from_vec(&buffer[..length]) {
            Ok(message) if answers(question, &message) => return Ok(message),
            _ => {}
        }
    }
}

async fn over_tcp(server: SocketAddr, bytes: &[u8]) -> Result<Message, AskError> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
        let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut buffer).await?;
        Ok(buffer)
    };
    let buffer = exchange.await.map_err(|source| AskError::Io { server, source })?;
    Message::from_vec(&buffer).map_err(|source| AskError::Unreadable { server, source })
}

fn answers(question: &Message, message: &Message) -> bool {
    message.metadata.message_type == MessageType::Response
        && message.metadata.id == question.metadata.id
        && message.queries == question.queries
}
