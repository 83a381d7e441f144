//! What the attributes do to functions, seen by a layer that writes down every span.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod recorder;
mod stages;
mod errors;
mod shapes;
mod hygiene;
mod requests;
mod measured;
