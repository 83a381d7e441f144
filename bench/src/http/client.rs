//! Asks a server, over connections that stay open.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Result, bail};

/// Connections that are asked at once: enough that the server seldom sleeps.
const CONNECTIONS: usize = 8;
const REQUEST: &[u8] = b"GET /v1/models/gpt-4o HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Connections to one server.
pub struct Client(Vec<TcpStream>);

// === impl Client ===

impl Client {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    ///
    /// If nothing listens there.
    pub fn connect(port: u16) -> Result<Self> {
        let connect = |_| {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        Ok(Self((0..CONNECTIONS).map(connect).collect::<Result<_>>()?))
    }

    /// Makes at least `requests` requests. Returns how many.
    ///
    /// # Errors
    ///
    /// If a response is not what it should be.
    pub fn ask(&mut self, requests: u64) -> Result<u64> {
        let rounds = requests.div_ceil(CONNECTIONS as u64);
        for _ in 0..rounds {
            for connection in &mut self.0 {
                connection.write_all(REQUEST)?;
            }
            for connection in &mut self.0 {
                read_response(connection)?;
            }
        }
        Ok(rounds * CONNECTIONS as u64)
    }
}

fn read_response(connection: &mut TcpStream) -> Result<()> {
    let mut buffer = [0; 2048];
    let mut len = 0;
    while !buffer[..len].ends_with(b"\r\n\r\nok") {
        let read = connection.read(&mut buffer[len..])?;
        if read == 0 {
            bail!("unexpected response: {}", String::from_utf8_lossy(&buffer[..len]));
        }
        len += read;
    }
    if !buffer.starts_with(b"HTTP/1.1 200") {
        bail!("unexpected response: {}", String::from_utf8_lossy(&buffer[..len]));
    }
    Ok(())
}
