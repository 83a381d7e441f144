//! An HTTP server with graceful shutdown.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    serve::{Listener, ListenerExt},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A router being served on a socket.
///
/// Dropping it closes the listener; active requests continue. [`Server::shutdown`] waits for them.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
    stop: oneshot::Sender<()>,
}

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on port {} of {} ({option}); port 0 takes any free one",
    address.port(),
    address.ip()
)]
pub struct BindError {
    /// The command-line option that gave the address.
    pub option: &'static str,
    /// The address as given.
    pub address: SocketAddr,
    /// The system's error.
    pub source: io::Error,
}

/// A server that did not shut down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Requests were still active after the time limit; their connections stay open.
    #[error("requests were still under way after {patience:?}")]
    Impatient {
        /// The time limit.
        patience: Duration,
    },
    /// The task that serves panicked.
    #[error("the server's task failed")]
    Task {
        /// The runtime's error.
        #[from]
        source: tokio::task::JoinError,
    },
    /// The socket failed.
    #[error("the listening socket failed")]
    Socket {
        /// The system's error.
        #[from]
        source: io::Error,
    },
}

/// Binds `address`, given with the command-line option `option`; port 0 is any free port.
///
/// # Errors
///
/// [`BindError`], which names the port and the option, if the address cannot be bound.
pub async fn bind(option: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { option, address, source })
}

// === impl Server ===

impl Server {
    /// Serves `app` on `listener` in a task of its own until it is shut down.
    ///
    /// # Errors
    ///
    /// Returns the system's error if the listener has no local address.
    pub fn start(listener: TcpListener, app: Router) -> io::Result<Self> {
        let address = Listener::local_addr(&listener)?;
        // Small chunks of a stream must leave at once: with Nagle's algorithm each would wait
        // for the acknowledgement of the one before.
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(listener, app)
            .with_graceful_shutdown(async move { drop(stopped.await) })
            .into_future();
        Ok(Self { address, task: tokio::spawn(serving), stop })
    }

    /// Returns the address listened on, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `http://` and the address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the listener and waits at most `patience` for active requests.
    ///
    /// # Errors
    ///
    /// - [`ServerError::Impatient`] if requests were still active after `patience`;
    /// - [`ServerError::Task`] or [`ServerError::Socket`] if the server had failed before.
    pub async fn shutdown(self, patience: Duration) -> Result<(), ServerError> {
        drop(self.stop);
        let Ok(ended) = tokio::time::timeout(patience, self.task).await else {
            return Err(ServerError::Impatient { patience });
        };
        Ok(ended??)
    }
}
