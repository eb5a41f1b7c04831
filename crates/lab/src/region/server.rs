//! The region's server: listens, talks HTTP with or without TLS, and does what its faults say.

use std::{
    error::Error,
    future::pending,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::Either;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    RETRY,
    burn::Burners,
    pages::{Body, Pages, slowly},
    state::{Ending, State, Switches},
};
use crate::tls::{Identities, is_tls};
use scenario::fault::Fault;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) pages: Pages,
    pub(super) address: SocketAddr,
    pub(super) identities: Option<Identities>,
    pub(super) switches: Switches,
    pub(super) random: Mutex<ChaCha8Rng>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// A request that is answered with a reset.
#[derive(Debug, thiserror::Error)]
#[error("a fault resets the connection")]
struct Reset;

pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    /// Listens, except while it is down.
    pub(super) async fn run(self: Arc<Self>, mut listener: TcpListener, open: watch::Sender<bool>) {
        let turns = async {
            loop {
                open.send_replace(true);
                tokio::select! {
                    () = self.accept(&listener) => {}
                    () = self.switches.until(|state| state.is_down().then_some(())) => {}
                }
                drop(listener);
                open.send_replace(false);
                self.switches.until(|state| (!state.is_down()).then_some(())).await;
                listener = self.listen_again().await;
            }
        };
        self.stop.run_until_cancelled(turns).await;
    }

    /// Burns while a fault says so.
    pub(super) async fn burn(self: Arc<Self>) {
        let turns = async {
            loop {
                self.switches.until(|state| state.burns().then_some(())).await;
                let burners = Burners::start();
                if let Err(error) = &burners {
                    tracing::warn!(address = %self.address, %error, "could not start a thread that burns");
                }
                self.switches.until(|state| (!state.burns()).then_some(())).await;
            }
        };
        self.stop.run_until_cancelled(turns).await;
    }

    /// Another process may have taken the port meanwhile: then it is asked for until it is free.
    async fn listen_again(&self) -> TcpListener {
        loop {
            match listen(self.address) {
                Ok(listener) => return listener,
                Err(error) => tracing::warn!(address = %self.address, %error, "could not listen again"),
            }
            sleep(RETRY).await;
        }
    }

    async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, source)) => {
                    self.tasks.spawn(self.clone().serve(stream, source));
                }
                Err(error) => {
                    tracing::warn!(address = %self.address, %error, "could not accept");
                    sleep(RETRY).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream, source: SocketAddr) {
        // Small answers leave at once; a socket that refuses the option still serves.
        let _late = stream.set_nodelay(true);
        let source = source.ip().to_canonical();
        let ending = tokio::select! {
            // A connection that a fault has ended already is not even read from.
            biased;
            () = self.stop.cancelled() => None,
            ending = self.switches.until(|state| state.ending(source)) => Some(ending),
            ending = self.converse(&mut stream) => ending,
        };
        let ending = match ending {
            Some(Ending::Silence) => self.keep_silent(&stream).await,
            ending => ending,
        };
        if ending == Some(Ending::Reset) {
            // Without it the client would see an orderly end instead of a reset.
            let _orderly = stream.set_zero_linger();
        }
    }

    /// Holds a connection until its client gives up: one that has lost its peer stays lost when the fault is over.
    async fn keep_silent(&self, stream: &TcpStream) -> Option<Ending> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            () = self.switches.until(|state| state.is_down().then_some(())) => Some(Ending::Reset),
            () = given_up(stream) => None,
        }
    }

    async fn converse(&self, stream: &mut TcpStream) -> Option<Ending> {
        match &self.identities {
            Some(identities) if is_tls(stream).await => {
                let acceptor = identities.acceptor(self.switches.now().certificate());
                // A client that does not trust the certificate says so and goes.
                self.answer_all(acceptor.accept(stream).await.ok()?).await
            }
            _ => self.answer_all(stream).await,
        }
    }

    async fn answer_all<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Option<Ending> {
        let service = service_fn(|request: Request<Incoming>| async move { self.answer(request.uri().path()).await });
        let ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        // A client that breaks off is the client's affair.
        ended.err()?.source()?.is::<Reset>().then_some(Ending::Reset)
    }

    async fn answer(&self, path: &str) -> Result<Response<Body>, Reset> {
        let harm = self.harm(&self.switches.now(), path);
        if harm.hangs {
            pending::<()>().await;
        }
        if !harm.late.is_zero() {
            sleep(harm.late).await;
        }
        if harm.resets {
            return Err(Reset);
        }
        let response = match harm.page {
            Page::Right => self.pages.at(path),
            Page::Wrong => self.pages.wrong(),
            Page::Unavailable => self.pages.unavailable(),
        };
        Ok(if harm.slow.is_zero() { response.map(Either::Left) } else { slowly(response, harm.slow).await })
    }

    /// What the faults in force do to one request.
    fn harm(&self, state: &State, path: &str) -> Harm {
        let mut harm = Harm::default();
        for fault in &state.faults {
            match fault {
                Fault::Hang => harm.hangs = true,
                Fault::Latency { delay, jitter } => harm.late += delay.0 + jitter.0.mul_f64(self.chance()),
                Fault::Errors { share, paths } if paths.include(path) && self.chance() < share.get() => {
                    harm.page = Page::Unavailable;
                }
                Fault::Reset { share } => harm.resets |= self.chance() < share.get(),
                Fault::WrongBody { paths } if paths.include(path) => harm.page = harm.page.max(Page::Wrong),
                Fault::SlowBody { over } => harm.slow += over.0,
                // This request is not meant, or it is done to connections, or to the process.
                Fault::Errors { .. }
                | Fault::WrongBody { .. }
                | Fault::Down
                | Fault::HalfOpen
                | Fault::CpuSaturation
                | Fault::TlsExpired
                | Fault::TlsWrongName => {}
            }
        }
        harm
    }

    /// A number from 0 up to 1.
    fn chance(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}

/// What is done to one request.
#[derive(Debug, Default)]
struct Harm {
    hangs: bool,
    late: Duration,
    resets: bool,
    page: Page,
    slow: Duration,
}

/// What is answered; of several, the worst.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Page {
    #[default]
    Right,
    Wrong,
    Unavailable,
}

/// Waits until the other end has closed or reset the connection; nothing is read from it.
async fn given_up(stream: &TcpStream) {
    while let Ok(ready) = stream.ready(Interest::READABLE).await {
        if ready.is_read_closed() {
            return;
        }
        // What has arrived stays where it is; this only makes the next event be waited for.
        let _unread: io::Result<()> = stream.try_io(Interest::READABLE, || Err(io::ErrorKind::WouldBlock.into()));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_held_until_its_client_gives_up_whatever_it_sends() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            client.write_all(b"hello?").await.unwrap();
            stream.peek(&mut [0]).await.unwrap();
            assert_eq!(given_up(&stream).now_or_never(), None);
        }
        drop(client);
        tokio::time::timeout(Duration::from_secs(10), given_up(&stream)).await.unwrap();
        assert_eq!(stream.try_read(&mut [0; 32]).unwrap(), 18, "it was all left unread");
    }
}
