//! DNS over TCP: messages with their length before them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::authority::Authority;
use super::response::Transport;

/// An idle connection is closed after this long, and one that does not take its responses.
const IDLE: Duration = Duration::from_secs(10);
/// After an error that would come again at once, such as too many open files.
const RETRY: Duration = Duration::from_millis(50);

pub(super) async fn serve(listener: TcpListener, authority: Arc<Authority>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, Arc::clone(&authority))); }
                Err(error) => {
                    tracing::debug!(%error, "tried to accept a DNS connection");
                    tokio::time::sleep(RETRY).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut stream: TcpStream, authority: Arc<Authority>) {
    loop {
        // It is closed, or left alone.
        let Ok(Ok(message)) = timeout(IDLE, read(&mut stream)).await else { return };
        let Some(response) = authority.respond_in_time(&message, Transport::Tcp).await else { continue };
        match timeout(IDLE, write(&mut stream, &response)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return tracing::debug!(%error, "tried to send a DNS response"),
            Err(_) => return,
        }
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write(stream: &mut TcpStream, response: &[u8]) -> io::Result<()> {
    let length = u16::try_from(response.len()).map_err(io::Error::other)?;
    // In one segment: some clients read the length and the message at once.
    stream.write_all(&[&length.to_be_bytes(), response].concat()).await
}
