//! HTTP/1.1 as a client speaks it that may also break it.
//!
//! A client library would refuse to send most of what is sent here, and would hide when the connection ended.

use std::{io, net::SocketAddr, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

/// The most header lines of an answer that are read.
const MAX_HEADERS: usize = 32;

/// A slow reader's receive buffer, and the most that it reads at a time, in bytes.
const SMALL: u32 = 8 * 1024;

/// A connection of one client.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    /// How long it waits before each read.
    pause: Option<Duration>,
}

/// The head of an answer, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// What the measuring layer adds to every answer, and a server that refuses a request by itself does not.
    pub(crate) request_id: Option<String>,
    /// The server will close the connection after it.
    pub(crate) is_last: bool,
    framing: Framing,
}

/// How long a body is.
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

    /// Opens one that takes little at a time, and waits for `pause` in between.
    pub(crate) async fn open_slow(address: SocketAddr, pause: Duration) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL)?;
        let stream = socket.connect(address).await?;
        Ok(Self { stream, buffer: BytesMut::new(), pause: Some(pause) })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more will be sent, which to a server means that the client has gone; it can still be read from.
    pub(crate) async fn close_writing(&mut self) {
        // An error means that the other side has closed already.
        self.stream.shutdown().await.ok();
    }

    /// Reads an answer's head. `None` when the connection ends before, or what comes is no HTTP.
    ///
    /// May be cancelled and called again.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some((head, length)) = Head::parse(&self.buffer)? {
                self.buffer.advance(length);
                return Some(head);
            }
            self.fill().await?;
        }
    }

    /// Reads the body to its end. `None` when the connection ends before.
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

    /// Reads at least one byte of a body, and whatever comes with it.
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

    /// Reads what there is. `None` at the connection's end, orderly or not.
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
    /// Returns a head and its length; nothing yet when it is not whole, and `None` when it is no head.
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
