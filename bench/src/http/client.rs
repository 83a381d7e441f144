//! A client on raw sockets with open connections, cheap beside the measured server.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Result, bail};

/// Number of concurrent connections, enough to keep the server busy.
const CONNECTIONS: usize = 8;
const REQUESTS: [&[u8]; 2] = [
    b"GET /v1/models/gpt-4o HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /v1/engines/gpt-4o HTTP/1.1\r\nhost: localhost\r\n\r\n",
];

/// Connections to one server, the same number to each thread.
pub struct Client(Vec<Connection>);

struct Connection {
    stream: TcpStream,
    /// The server's thread.
    thread: usize,
}

// === impl Client ===

impl Client {
    /// Connects to ports on loopback.
    ///
    /// # Errors
    ///
    /// If a port is closed.
    pub fn connect(ports: &[u16]) -> Result<Self> {
        let connect = |at: usize| {
            let thread = at % ports.len();
            let stream = TcpStream::connect(("127.0.0.1", ports[thread]))?;
            stream.set_nodelay(true)?;
            Ok(Connection { stream, thread })
        };
        Ok(Self((0..CONNECTIONS).map(connect).collect::<Result<_>>()?))
    }

    /// Sends at least `requests` requests, to one route or to one per thread. Returns the number.
    ///
    /// # Errors
    ///
    /// If a response is unexpected.
    pub fn send(&mut self, requests: u64, same_series: bool) -> Result<u64> {
        let rounds = requests.div_ceil(CONNECTIONS as u64);
        for _ in 0..rounds {
            for it in &mut self.0 {
                it.stream.write_all(REQUESTS[if same_series { 0 } else { it.thread }])?;
            }
            for it in &mut self.0 {
                read_response(&mut it.stream)?;
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
