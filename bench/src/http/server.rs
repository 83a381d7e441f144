//! Serves a side.

use std::{net::TcpListener, thread};

use anyhow::Result;
use axum::Router;

use crate::http::Recorded;

/// A service on several threads, each with a port.
pub struct Server {
    pub ports: Vec<u16>,
    pub recorded: Recorded,
}

// === impl Server ===

impl Server {
    pub(super) fn start(router: &Router, recorded: Recorded, threads: usize) -> Result<Self> {
        let ports = (0..threads).map(|_| Self::serve(router.clone())).collect::<Result<_>>()?;
        Ok(Self { ports, recorded })
    }

    /// Serves on a new thread. Returns the port.
    fn serve(router: Router) -> Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, router).await
            })
        });
        Ok(port)
    }
}
