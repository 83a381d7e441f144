//! An HTTP/1.1 client on a raw socket.
//!
//! A client library rejects most of the requests here, and hides when a connection ends.

use std::{io, net::SocketAddr, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

/// Maximum number of header lines in a response.
const MAX_HEADERS: usize = 32;

/// A slow reader's receive buffer and its maximum read, in bytes.
const SMALL: u32 = 8 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    /// Pause before each read.
    pause: Option<Duration>,
}

/// A response head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Set by stagelight's layer, not by the HTTP server for requests that it rejects.
    pub(crate) request_id: Option<String>,
    /// The server closes the connection after the response.
    pub(crate) is_last: bool,
    framing: Framing,
}

/// The framing of a body.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new(), pause: None })
    }

    /// Opens a connection with small reads and `pause` between them.
    pub(crate) async fn open_slow(address: SocketAddr, pause: Duration) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL)?;
        let stream = socket.connect(address).await?;
        Ok(Self { stream, buffer: BytesMut::new(), pause: Some(pause) })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Shuts down the sending direction, a disconnect for the server. Reading is still possible.
    pub(crate) async fn close_writing(&mut self) {
        // An error means that the server has closed the connection.
        self.stream.shutdown().await.ok();
    }

    /// Reads a response head; `None` if the connection ends or the response is not HTTP.
    ///
    /// Cancel-safe.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some((head, length)) = Head::parse(&self.buffer)? {
                self.buffer.advance(length);
                return Some(head);
            }
            self.fill().await?;
        }
    }

    /// Reads the body; `None` if the connection ends first.
    pub(crate) async fn body(&mut self, head: &Head) -> Option<()> {
        match head.framing {
            Framing::Length(length) => self.skip(length).await,
            Framing::Chunked => self.chunks().await,
            Framing::UntilClose => {
                while self.fill().await.is_some() {
                    self.buffer.clear();
                }
                Some(())
            }
        }
    }

    /// Reads at least one byte of a body.
    pub(crate) async fn first_of_body(&mut self) -> Option<()> {
        if self.buffer.is_empty() { self.fill().await } else { Some(()) }
    }

    async fn chunks(&mut self) -> Option<()> {
        loop {
            let line = self.line().await?;
            let digits = std::str::from_utf8(&line).ok()?.trim();
            let size = u64::from_str_radix(digits, 16).ok()?;
            if size == 0 {
                return self.line().await.map(drop);
            }
            self.skip(size).await?;
            self.line().await?;
        }
    }

    async fn line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&it| it == b'\n') {
                return Some(self.buffer.split_to(end + 1).freeze());
            }
            self.fill().await?;
        }
    }

    async fn skip(&mut self, length: u64) -> Option<()> {
        let mut rest = length;
        loop {
            let here = usize::try_from(rest).unwrap_or(usize::MAX).min(self.buffer.len());
            self.buffer.advance(here);
            rest -= here as u64;
            if rest == 0 {
                return Some(());
            }
            self.fill().await?;
        }
    }

    /// Reads available bytes; `None` at the end of the connection or after an error.
    async fn fill(&mut self) -> Option<()> {
        let read = match self.pause {
            None => self.stream.read_buf(&mut self.buffer).await,
            Some(pause) => {
                sleep(pause).await;
                (&mut self.stream).take(u64::from(SMALL)).read_buf(&mut self.buffer).await
            }
        };
        read.ok().filter(|&it| 0 < it).map(drop)
    }
}

// === impl Head ===

impl Head {
    /// Returns a head and its length; `Some(None)` if it is incomplete, `None` if it is invalid.
    fn parse(bytes: &[u8]) -> Option<Option<(Self, usize)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(bytes).ok()? else {
            return Some(None);
        };
        let header = |name: &str| {
            let found = response.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
            found.and_then(|it| std::str::from_utf8(it.value).ok())
        };
        let framing = match (header("transfer-encoding"), header("content-length")) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length.parse().ok()?),
            (None, None) => Framing::UntilClose,
        };
        let head = Self {
            status: response.code?,
            request_id: header("x-request-id").map(str::to_owned),
            is_last: header("connection") == Some("close"),
            framing,
        };
        Some(Some((head, length)))
    }
}
