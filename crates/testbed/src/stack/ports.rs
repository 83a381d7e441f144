//! Ports that stay ours while a server on one of them is restarted.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, Result};

/// A run of loopback ports that no other stack uses, in this process or another.
///
/// The obvious way, to bind port 0 and use what comes, gives a port from the range that the kernel
/// also takes for outgoing connections. While the server on it is down, anyone's connection can
/// take the port, and a client that keeps trying to reach the server can even connect to itself.
/// These ports are below that range.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Marks the whole block as taken: other stacks look at its first port only.
    marker: TcpListener,
    next: u16,
}

// === impl Ports ===

impl Ports {
    const FIRST: u16 = 10_000;
    /// Linux takes outgoing ports from 32 768 on, other systems from 49 152 on.
    const END: u16 = 32_768;
    const BLOCK: u16 = 16;

    /// Finds a free block.
    pub(crate) fn reserve() -> Result<Self> {
        let blocks = (Self::END - Self::FIRST) / Self::BLOCK;
        // Not always the first one: a port that was in use a moment ago is best left alone.
        let offset = u16::try_from(std::process::id() % u32::from(blocks))?;
        (0..blocks)
            .map(|step| Self::FIRST + (offset + step) % blocks * Self::BLOCK)
            .find_map(|first| Some(Self { marker: bind(first)?, next: first + 1 }))
            .context("no free port on loopback")
    }

    /// Returns an address that nobody listens on.
    pub(crate) fn take(&mut self) -> Result<SocketAddr> {
        let end = self.marker.local_addr()?.port() + Self::BLOCK;
        let port = (self.next..end)
            .find(|&port| bind(port).is_some())
            .context("too many of the stack's ports are in use by other programs")?;
        self.next = port + 1;
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }
}

fn bind(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

#[cfg(test)]
mod tests;
