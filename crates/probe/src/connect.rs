//! TCP connections, to addresses that may be probed only.

use std::{
    io::{Error, ErrorKind},
    net::{IpAddr, SocketAddr},
};

use domain::{Config, Endpoint, Fault};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use crate::trace::{Failure, Stage, Trace};

/// errno of "no descriptors left" for the process and for the machine, which `ErrorKind` lacks.
const NO_DESCRIPTORS: [i32; 2] = [24, 23];

/// Whether the error is the observer's own: no descriptors or no local ports left.
pub(crate) fn is_own(error: &Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error().is_some_and(|errno| NO_DESCRIPTORS.contains(&errno))
}

/// The first address that connects counts; each gets an even share of the time that is left.
pub(crate) async fn connect(
    config: &Config,
    source: Option<IpAddr>,
    endpoint: &Endpoint,
    addresses: &[IpAddr],
    port: u16,
    trace: &mut Trace,
) -> Result<(TcpStream, SocketAddr), Failure> {
    let allowed: Vec<_> = addresses.iter().filter(|address| config.may_probe(**address)).collect();
    trace.enter(Stage::Connect);
    let mut failure = None;
    for (tried, address) in allowed.iter().enumerate() {
        let address = SocketAddr::new(**address, port);
        trace.address = Some(address);
        let left = u32::try_from(allowed.len() - tried).unwrap_or(u32::MAX);
        let share = trace.deadline().duration_since(Instant::now()) / left;
        let error = match timeout(share, open(source, address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => refusal(address, &error),
            Err(_) => trace.timed_out(endpoint),
        };
        failure.get_or_insert(error);
    }
    Err(failure.unwrap_or_else(|| {
        let blocked: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        Failure::new(Fault::Blocked, format!("private or reserved, not probed: {}", blocked.join(", ")))
    }))
}

async fn open(source: Option<IpAddr>, address: SocketAddr) -> Result<TcpStream, Error> {
    match source {
        Some(source) if source.is_ipv4() == address.is_ipv4() => {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.bind(SocketAddr::new(source, 0))?;
            socket.connect(address).await
        }
        _ => TcpStream::connect(address).await,
    }
}

fn refusal(address: SocketAddr, error: &Error) -> Failure {
    match error.kind() {
        _ if is_own(error) => Failure::new(Fault::Observer, format!("cannot connect to {address}: {error}")),
        ErrorKind::ConnectionRefused => Failure::new(Fault::ConnectRefused, format!("connection refused ({address})")),
        ErrorKind::TimedOut => Failure::new(Fault::ConnectTimeout, format!("no TCP handshake ({address})")),
        _ => Failure::new(Fault::ConnectFailed, format!("cannot connect to {address}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_is_the_observers_own_fault() {
        let fault = |errno| refusal("192.0.2.1:443".parse().unwrap(), &Error::from_raw_os_error(errno)).fault;
        for (errno, name, expected) in [
            (24, "EMFILE", Fault::Observer),
            (23, "ENFILE", Fault::Observer),
            (99, "EADDRNOTAVAIL", Fault::Observer),
            (101, "ENETUNREACH", Fault::ConnectFailed),
            (110, "ETIMEDOUT", Fault::ConnectTimeout),
            (111, "ECONNREFUSED", Fault::ConnectRefused),
        ] {
            assert_eq!(fault(errno), expected, "{name}");
        }
    }
}
