//! Many datagrams a system call, where the system has such calls.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[cfg(not(target_os = "linux"))]
pub(super) use one_by_one::{receive, send};
#[cfg(target_os = "linux")]
pub(super) use together::{receive, send};

/// Datagrams a call.
pub(super) const BATCH: usize = 64;
/// A query has some 50 bytes; whatever is longer than this is cut off and so malformed.
const LONGEST: usize = 4096;

/// A received datagram.
#[derive(Debug, Clone)]
pub(super) struct Datagram {
    pub(super) bytes: Box<[u8]>,
    pub(super) length: usize,
    pub(super) from: SocketAddr,
}

impl Default for Datagram {
    fn default() -> Self {
        Datagram { bytes: vec![0; LONGEST].into(), length: 0, from: NOBODY }
    }
}

/// The system refuses to send there.
pub(super) const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

#[cfg(target_os = "linux")]
mod together {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
    use tokio::io::Interest;
    use tokio::net::UdpSocket;

    use super::{Datagram, NOBODY};

    /// Receives what is there; how many of the datagrams it filled. `WouldBlock` if nothing is.
    pub(in super::super) fn receive(socket: &UdpSocket, datagrams: &mut [Datagram]) -> io::Result<usize> {
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(datagrams.len(), None);
        let (mut buffers, places): (Vec<_>, Vec<_>) = datagrams
            .iter_mut()
            .map(|Datagram { bytes, length, from }| ([IoSliceMut::new(bytes)], (length, from)))
            .unzip();
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = socket.try_io(Interest::READABLE, || {
            Ok(recvmmsg(socket.as_raw_fd(), &mut headers, buffers.iter_mut(), flags, None)?)
        })?;
        let mut count = 0;
        for (message, (length, from)) in received.zip(places) {
            *length = message.bytes;
            *from = message.address.as_ref().and_then(address).unwrap_or(NOBODY);
            count += 1;
        }
        Ok(count)
    }

    /// Sends as many as the socket takes; at least one, or the first one's error.
    pub(in super::super) fn send(socket: &UdpSocket, messages: &[(Vec<u8>, SocketAddr)]) -> io::Result<usize> {
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(messages.len(), None);
        let (buffers, to): (Vec<_>, Vec<_>) =
            messages.iter().map(|(bytes, to)| ([IoSlice::new(bytes)], Some(SockaddrStorage::from(*to)))).unzip();
        let nothing: [ControlMessage<'_>; 0] = [];
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = socket.try_io(Interest::WRITABLE, || {
            Ok(sendmmsg(socket.as_raw_fd(), &mut headers, &buffers, &to, nothing, flags)?)
        })?;
        Ok(sent.count())
    }

    fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = storage.as_sockaddr_in().map(|address| SocketAddrV4::from(*address).into());
        v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddrV6::from(*address).into()))
    }
}

#[cfg(any(test, not(target_os = "linux")))]
mod one_by_one {
    use std::io;
    use std::net::SocketAddr;

    use tokio::net::UdpSocket;

    use super::Datagram;

    pub(in super::super) fn receive(socket: &UdpSocket, datagrams: &mut [Datagram]) -> io::Result<usize> {
        let Some(datagram) = datagrams.first_mut() else { return Ok(0) };
        (datagram.length, datagram.from) = socket.try_recv_from(&mut datagram.bytes)?;
        Ok(1)
    }

    pub(in super::super) fn send(socket: &UdpSocket, messages: &[(Vec<u8>, SocketAddr)]) -> io::Result<usize> {
        let Some((bytes, to)) = messages.first() else { return Ok(0) };
        socket.try_send_to(bytes, *to)?;
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::net::UdpSocket;

    use super::*;

    /// One that is known to take datagrams.
    async fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.writable().await.unwrap();
        socket
    }

    async fn received(
        socket: &UdpSocket,
        receive: fn(&UdpSocket, &mut [Datagram]) -> io::Result<usize>,
    ) -> Vec<(Vec<u8>, SocketAddr)> {
        let mut datagrams = vec![Datagram::default(); BATCH];
        let mut all = Vec::new();
        while all.len() < 3 {
            socket.readable().await.unwrap();
            match receive(socket, &mut datagrams) {
                Ok(count) => {
                    all.extend(datagrams[..count].iter().map(|it| (it.bytes[..it.length].to_vec(), it.from)));
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        all
    }

    #[tokio::test]
    async fn datagrams_arrive_whole_and_from_whom_they_came_either_way() {
        let (one, other) = (socket().await, socket().await);
        let to = other.local_addr().unwrap();
        let messages = [b"a".to_vec(), vec![7; 1232], Vec::new()].map(|bytes| (bytes, to));
        let expected = messages.clone().map(|(bytes, _)| (bytes, one.local_addr().unwrap()));
        assert_eq!(together::send(&one, &messages).unwrap(), 3);
        assert_eq!(received(&other, one_by_one::receive).await, expected);
        for message in &messages {
            assert_eq!(one_by_one::send(&one, std::slice::from_ref(message)).unwrap(), 1);
        }
        assert_eq!(received(&other, together::receive).await, expected);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_an_error_only_when_it_is_the_first() {
        let socket = socket().await;
        let good = (b"a".to_vec(), socket.local_addr().unwrap());
        let bad = (b"a".to_vec(), NOBODY);
        assert_eq!(together::send(&socket, &[good.clone(), bad.clone(), good]).unwrap(), 1);
        assert!(together::send(&socket, &[bad]).is_err());
    }
}
