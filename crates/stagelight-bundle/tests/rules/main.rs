//! Prometheus' rules: their names against the catalogue, their numbers against the thresholds, and that each alert has its test and runbook.
//!
//! What the rules do is promtool's to test (`cargo xtask ci --step rules`), and that they find data, the end-to-end tests'.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod files;
mod expression;
mod names;
mod numbers;
mod cases;
mod runbooks;
