//! Tests of the layers: with scripted bodies and a manual clock, and over real sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;
mod ends;
mod grpc;
mod heads;
mod spans;
mod panics;
mod queue;
mod stages;
mod calls;
mod streams;
mod slow_readers;
mod sockets;
mod real_calls;
