//! Layers receive the same on our registry as on the plain one.
//!
//! Each test builds the same stack of layers on both, runs the same spans and events, and compares
//! the results.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod log;
mod observer;
mod scenario;
mod same;
mod filters;
mod spans;
