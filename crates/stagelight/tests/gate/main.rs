//! Which requests are traced: decided once, at the request span; what the others cost, and what they pass on.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;
mod callers;
mod exemplars;
mod ratios;
mod rules;
mod shapes;
