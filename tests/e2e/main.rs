//! The whole chain on real servers: gateway → collector → Prometheus → Alertmanager.
//!
//! Every test starts its own servers on its own ports, polls for the expected state instead of
//! sleeping, and shows the last state if it times out.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod prometheus;
mod client;
mod fixture;
mod spans;
mod alert_receiver;
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
