//! Ports that stay reserved while a server on one of them restarts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, Result};

/// A block of loopback ports that no other stack uses, in this process or another.
///
/// Binding port 0 would give a port from the range that the kernel also uses for outgoing
/// connections: while the server is down, any connection can take its port, and a client that
/// retries can even connect to itself. These ports are below that range.
#[derive(Debug)]
pub(super) struct Ports {
    /// Marks the block as taken: every stack checks the first port of a block.
    marker: TcpListener,
    next: u16,
}

// === impl Ports ===

impl Ports {
    const FIRST: u16 = 10_000;
    /// Linux takes outgoing ports from 32 768 on, other systems from 49 152 on.
    const END: u16 = 32_768;
    const BLOCK: u16 = 16;

    /// Reserves a free block.
    pub(super) fn reserve() -> Result<Self> {
        let blocks = (Self::END - Self::FIRST) / Self::BLOCK;
        // Starts at different blocks, so that a port that was just released gets a rest.
        let offset = u16::try_from(std::process::id() % u32::from(blocks))?;
        (0..blocks)
            .map(|step| Self::FIRST + (offset + step) % blocks * Self::BLOCK)
            .find_map(|first| Some(Self { marker: bind(first)?, next: first + 1 }))
            .context("no free port on loopback")
    }

    /// Returns an address on which nothing listens.
    pub(super) fn take(&mut self) -> Result<SocketAddr> {
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn stacks_get_different_ports_below_those_of_outgoing_connections() {
        let mut stacks: Vec<_> = (0..4).map(|_| Ports::reserve().unwrap()).collect();
        let ports: BTreeSet<_> =
            stacks.iter_mut().flat_map(|it| (0..10).map(|_| it.take().unwrap().port())).collect();

        assert_eq!(ports.len(), 40);
        assert!(ports.iter().all(|it| (Ports::FIRST..Ports::END).contains(it)), "{ports:?}");
    }

    #[test]
    fn a_port_in_use_is_skipped() {
        let mut ports = Ports::reserve().unwrap();
        let first = ports.take().unwrap();
        let _other_program = TcpListener::bind((first.ip(), first.port() + 1)).unwrap();

        assert_eq!(ports.take().unwrap().port(), first.port() + 2);
    }
}
