//! The signals that end a service.

/// Waits for SIGINT (ctrl-c) or SIGTERM, the signals that end a service; on Windows, for ctrl-c.
///
/// For axum's `with_graceful_shutdown`, or `tokio::select!`. From its first poll on, these signals
/// no longer end the process by themselves.
///
/// # Panics
///
/// Outside of a Tokio runtime with its I/O driver enabled.
pub async fn shutdown_signal() {
    if let Err(error) = wait().await {
        // Returning would shut the service down without a signal.
        tracing::warn!(target: "stagelight", "cannot listen for shutdown signals: {error}");
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn wait() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn wait() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
