//! The collector's other configurations: agents, gateways and overlays.

mod host;
mod telemetry;
mod certificates;
mod gateway;
mod losses;
mod receivers;
mod redaction;
mod exporters;
