//! DNS over UDP: as many messages a system call as are there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::authority::Authority;
use super::batch::{self, BATCH, Datagram, NOBODY};
use super::query::Query;
use super::response::Transport;

pub(super) async fn serve(socket: UdpSocket, authority: Arc<Authority>) {
    let socket = Arc::new(socket);
    let mut late = JoinSet::new();
    let mut datagrams = vec![Datagram::default(); BATCH];
    let mut responses = vec![(Vec::new(), NOBODY); BATCH];
    loop {
        let received = match receive(&socket, &mut datagrams).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "tried to receive DNS queries");
                continue;
            }
        };
        let mut ready = 0;
        for Datagram { bytes, length, from } in &datagrams[..received] {
            let message = &bytes[..*length];
            let Some(query) = Query::read(message) else { continue };
            let (response, to) = &mut responses[ready];
            if authority.delay(&query).is_none() && authority.respond(&query, Transport::Udp, response).is_zero() {
                *to = *from;
                ready += 1;
            } else {
                let (socket, authority) = (Arc::clone(&socket), Arc::clone(&authority));
                late.spawn(respond_late(socket, authority, message.to_vec(), *from));
            }
        }
        send(&socket, &responses[..ready]).await;
        while late.try_join_next().is_some() {}
    }
}

async fn receive(socket: &UdpSocket, datagrams: &mut [Datagram]) -> io::Result<usize> {
    loop {
        socket.readable().await?;
        match batch::receive(socket, datagrams) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received,
        }
    }
}

async fn send(socket: &UdpSocket, mut responses: &[(Vec<u8>, SocketAddr)]) {
    while let [first, rest @ ..] = responses {
        match batch::send(socket, responses) {
            Ok(sent) => responses = responses.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if socket.writable().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, to = %first.1, "tried to send a DNS response");
                responses = rest;
            }
        }
    }
}

/// Answers a slow name without holding up any other.
async fn respond_late(socket: Arc<UdpSocket>, authority: Arc<Authority>, message: Vec<u8>, to: SocketAddr) {
    if let Some(response) = authority.respond_in_time(&message, Transport::Udp).await {
        send(&socket, &[(response, to)]).await;
    }
}
