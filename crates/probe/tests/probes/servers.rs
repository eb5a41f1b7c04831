//! Servers that answer as told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use hickory_proto::{
    op::{Message, Metadata, Query, ResponseCode},
    rr::{Name, RData, Record},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

/// What an HTTP server does once the request is read.
#[derive(Clone)]
pub(crate) enum Act {
    /// Writes and closes.
    Say(String),
    /// Writes and keeps the connection open without another word.
    SayAndHang(String),
    /// Writes and resets the connection.
    SayAndReset(String),
}

/// A whole answer.
pub(crate) fn answer(status: u16, body: &str) -> Act {
    Act::Say(format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

/// An HTTP server on loopback that does one act a connection, in turn, and the requests' heads it saw.
pub(crate) async fn http(acts: Vec<Act>) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (heads, seen) = tokio::sync::mpsc::unbounded_channel();
    let turn = AtomicUsize::new(0);
    let address = accept(move |stream| {
        let act = acts[turn.fetch_add(1, Ordering::SeqCst) % acts.len()].clone();
        perform(stream, act, heads.clone())
    })
    .await;
    (address, seen)
}

async fn perform(mut stream: TcpStream, act: Act, heads: tokio::sync::mpsc::UnboundedSender<String>) {
    let _ = heads.send(head(&mut stream).await);
    let (Act::Say(text) | Act::SayAndHang(text) | Act::SayAndReset(text)) = &act;
    let _ = stream.write_all(text.as_bytes()).await;
    match act {
        Act::Say(_) => {}
        Act::SayAndHang(_) => std::future::pending().await,
        Act::SayAndReset(_) => stream.set_zero_linger().unwrap(),
    }
}

/// Reads a request's head.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(read).unwrap()
}

/// Accepts connections on a free loopback port and gives each to `serve`.
pub(crate) async fn accept<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// What a DNS server does about a question.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These records, of the type asked for, and NOERROR.
    Records(Vec<RData>),
    /// These records at these names, whatever was asked.
    Literal(Vec<(&'static str, RData)>),
    /// The records over TCP; over UDP only that they are too long.
    CutOverUdp(Vec<RData>),
    /// A response code.
    Code(ResponseCode),
    /// As [`Reply::Records`], without the authoritative bit.
    Hearsay(Vec<RData>),
    /// Nothing.
    Silence,
}

/// A DNS server on loopback, over UDP and TCP, and the questions it got.
pub(crate) async fn dns(
    reply: impl Fn(&Query) -> Reply + Send + Sync + 'static,
) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<Query>) {
    let (questions, seen) = tokio::sync::mpsc::unbounded_channel();
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let reply = Arc::new(reply);
    let over_tcp = Arc::clone(&reply);
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let _ = questions.send(question.queries[0].clone());
            if let Some(bytes) = respond(&question, &reply(&question.queries[0]), true) {
                udp.send_to(&bytes, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer).unwrap();
            if let Some(bytes) = respond(&question, &over_tcp(&question.queries[0]), false) {
                stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
            }
        }
    });
    (address, seen)
}

fn respond(question: &Message, reply: &Reply, udp: bool) -> Option<Vec<u8>> {
    let query = &question.queries[0];
    let mut message = question.clone().into_response();
    message.metadata = Metadata::response_from_request(&question.metadata);
    message.metadata.authoritative = !matches!(reply, Reply::Hearsay(_));
    message.edns = None;
    match reply {
        Reply::Silence => return None,
        Reply::CutOverUdp(_) if udp => message.metadata.truncation = true,
        Reply::Code(code) => message.metadata.response_code = *code,
        Reply::Records(records) | Reply::CutOverUdp(records) | Reply::Hearsay(records) => {
            let asked = records.iter().filter(|data| data.record_type() == query.query_type());
            message.answers = asked.map(|data| Record::from_rdata(query.name().clone(), 60, data.clone())).collect();
        }
        Reply::Literal(records) => {
            let record =
                |(name, data): &(&str, RData)| Record::from_rdata(Name::from_ascii(name).unwrap(), 60, data.clone());
            message.answers = records.iter().map(record).collect();
        }
    }
    Some(message.to_vec().unwrap())
}

/// Address records.
pub(crate) fn records(addresses: &[&str]) -> Vec<RData> {
    addresses.iter().map(|address| RData::from(address.parse::<std::net::IpAddr>().unwrap())).collect()
}
