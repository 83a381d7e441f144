//! Checks the files that operators copy: dashboards, rules, runbooks, Kubernetes copies.
//!
//! `promtool` tests what the rules do (`cargo xtask ci --step rules`), Grafana's schema checks the
//! dashboards' format (`--step dashboards`), and the end-to-end tests run every query on real
//! servers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod files;
mod expression;
mod names;
mod contract;
mod thresholds;
mod cases;
mod runbooks;
mod dashboards;
mod provisioning;
mod kubernetes;
mod sizing;
