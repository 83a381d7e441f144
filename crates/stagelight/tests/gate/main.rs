//! The sampling decision, made once at the request's span, and the cost and propagation of
//! unsampled requests.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;
mod callers;
mod exemplars;
mod ratios;
mod rules;
mod shapes;
