#![doc = include_str!("../README.md")]

// In reading order: what is read, then how it is shown.
mod interval;
pub mod breakdown;
pub mod prometheus;

pub use interval::since;
#[cfg(feature = "axum")]
pub use prometheus::router;
