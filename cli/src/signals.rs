//! SIGINT and SIGTERM: what is running is dropped, which ends everything that it started.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;

/// Runs `work` to its end, or until a signal asks to stop.
pub(crate) async fn or_interrupted<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    or_stopped(work, CliError::Interrupted).await
}

/// The same, with what is to be said of work that was `stopped`.
pub(crate) async fn or_stopped<T>(
    work: impl Future<Output = Result<T, CliError>>,
    stopped: CliError,
) -> Result<T, CliError> {
    tokio::select! {
        done = work => done,
        () = asked_to_stop() => Err(stopped),
    }
}

/// A first signal asks for an orderly end, a second one ends at once.
pub(crate) struct Stop {
    /// Cancelled by the first.
    pub(crate) asked: CancellationToken,
    aborted: CancellationToken,
}

/// Listens for signals from now on.
pub(crate) fn first_then_abort() -> Stop {
    let stop = Stop { asked: CancellationToken::new(), aborted: CancellationToken::new() };
    let tokens = [stop.asked.clone(), stop.aborted.clone()];
    // Without handlers the system's own take the process down.
    if let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        tokio::spawn(async move {
            for token in tokens {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                token.cancel();
            }
        });
    }
    stop
}

/// Runs `work` to its end, or until a second signal.
pub(crate) async fn or_aborted<T>(stop: &Stop, work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::select! {
        done = work => done,
        () = stop.aborted.cancelled() => Err(CliError::Interrupted),
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn asked_to_stop() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers the system's own take the process down.
        _ => std::future::pending().await,
    }
}
