//! What is measured of HTTP exchanges: on scripted bodies and a clock that stands still, and over real sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;
mod ends;
mod heads;
mod spans;
mod panics;
mod stages;
mod calls;
mod streams;
mod slow_readers;
mod sockets;
mod real_calls;
