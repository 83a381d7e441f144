//! A listening HTTP server that can be told to stop.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    serve::{Listener, ListenerExt},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A router being served on a socket.
///
/// Dropping it stops the listening and lets the requests under way go on by themselves;
/// [`Server::shutdown`] waits for them.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
    stop: oneshot::Sender<()>,
}

/// An address that could not be listened on.
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
    /// What the system said.
    pub source: io::Error,
}

/// A server that did not end as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Requests were still under way when the patience ended; their connections are left alone.
    #[error("requests were still under way after {patience:?}")]
    Impatient {
        /// How long the server was given.
        patience: Duration,
    },
    /// The task that serves panicked.
    #[error("the server's task failed")]
    Task {
        /// What the runtime said.
        #[from]
        source: tokio::task::JoinError,
    },
    /// The socket failed.
    #[error("the listening socket failed")]
    Socket {
        /// What the system said.
        #[from]
        source: io::Error,
    },
}

/// Listens on `address`, which came from the command-line option `option`; port 0 is any free port.
///
/// # Errors
///
/// Returns a [`BindError`] that names the port and the option if the address cannot be had.
pub async fn bind(option: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { option, address, source })
}

// === impl Server ===

impl Server {
    /// Serves `app` on `listener` in a task of its own until told to stop.
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

    /// Stops listening and waits at most `patience` for the requests under way.
    ///
    /// # Errors
    ///
    /// - [`ServerError::Impatient`] if requests were still under way after `patience`;
    /// - [`ServerError::Task`] or [`ServerError::Socket`] if the server had failed before.
    pub async fn shutdown(self, patience: Duration) -> Result<(), ServerError> {
        drop(self.stop);
        let Ok(ended) = tokio::time::timeout(patience, self.task).await else {
            return Err(ServerError::Impatient { patience });
        };
        Ok(ended??)
    }
}
