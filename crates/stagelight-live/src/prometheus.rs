//! The catalogue's metrics as Prometheus text.
//!
//! [`text()`] writes any [`Snapshot`](stagelight_core::Snapshot); a [`MetricsPage`] takes one of its engine on each
//! reading and adds `stage.percentage`. With the feature `axum`, `router` serves a page at `GET /metrics`.
//!
//! ```
//! use stagelight_core::Engine;
//! use stagelight_live::prometheus::{Format, MetricsPage};
//!
//! let engine = Engine::new();
//! let page = MetricsPage::new(&engine);
//! let text = page.render(Format::Text);
//! assert!(text.starts_with("# "));
//! ```
//!
//! # What is written
//!
//! - names, labels, buckets and help as in [`stagelight_core::catalog`]; one block per metric, in its order;
//! - series in the snapshot's order, that is by attribute values: the same snapshot always gives the same text;
//! - metrics that were never recorded are left out, and so are attributes that are absent;
//! - an up-down counter as a gauge, which is what Prometheus calls it;
//! - `le` as Prometheus shows it for OTLP (`1`, `2.5`); Prometheus 3 shows `1.0` for the former when it scrapes, see the crate's head.
//!
//! # OpenMetrics
//!
//! A scraper that asks for OpenMetrics gets [`Format::OpenMetrics`]: the same, with exemplars. Each bucket has the last one of a sampled request
//! that fell into it: one of those since the reading before, each as likely as any other. They are shown until the next, so that
//! several servers may scrape one page.
//!
//! Instruments of your own OpenTelemetry `Meter` are not here: they travel by OTLP only.

mod escape;
mod text;
mod view;
mod openmetrics;
mod negotiation;
mod page;
#[cfg(feature = "axum")]
mod routes;

pub use negotiation::Format;
pub use page::MetricsPage;
#[cfg(feature = "axum")]
pub use routes::{router, router_of};
pub use text::text;
