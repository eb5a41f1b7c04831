//! SIGINT and SIGTERM: what is running is dropped, which ends everything that it started.

use tokio::signal::unix::{SignalKind, signal};

use crate::error::CliError;

/// Runs `work` to its end, or until a signal asks to stop.
pub(crate) async fn or_interrupted<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::select! {
        done = work => done,
        () = asked_to_stop() => Err(CliError::Interrupted),
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
