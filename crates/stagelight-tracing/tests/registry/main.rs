//! What layers see on our registry is what they see on the plain one.
//!
//! Every test builds the same stack of layers on both, runs the same spans and events on each, and compares what came out.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod log;
mod observer;
mod scenario;
mod same;
mod filters;
mod spans;
