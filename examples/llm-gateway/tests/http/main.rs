//! The gateway and the simulated upstream over real loopback connections.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;
mod upstream;
mod errors;
mod relaying;
mod measured;
