//! The collector's files beyond the one that the stack runs on: agents, gateways and overlays.

mod host;
mod telemetry;
mod certificates;
mod tier;
mod losses;
mod doors;
mod redaction;
mod exits;
