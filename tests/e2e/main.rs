//! The whole chain on real servers: gateway → collector → Prometheus → Alertmanager.
//!
//! Every test starts what it needs on ports of its own, waits for what it expects instead of for
//! some time, and shows what it saw last if that does not come.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod clock;
mod prometheus;
mod caller;
mod bench;
mod spans;
mod receiver;
mod known_requests;

mod counts;
mod queries;
mod streams;
mod traces;
mod exemplars;
mod native_histograms;
mod outages;
mod alerting;
mod openai_client;
mod demo;
mod readme;
mod doctor;
mod collector;
mod bundle;
