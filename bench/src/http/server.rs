//! Serves a side.

use std::{net::TcpListener, thread};

use anyhow::Result;
use axum::Router;

use crate::http::Recorded;

/// A service on one thread.
pub struct Server {
    pub port: u16,
    pub recorded: Recorded,
}

// === impl Server ===

impl Server {
    pub(super) fn start(router: Router, recorded: Recorded) -> Result<Self> {
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
        Ok(Self { port, recorded })
    }
}
