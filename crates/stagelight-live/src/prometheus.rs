//! The catalogue's metrics as Prometheus text.
//!
//! [`text()`] writes a [`Snapshot`](stagelight_core::Snapshot). A [`MetricsPage`] takes a snapshot
//! of its engine on each rendering and adds `stage.percentage`. With the feature `axum`, `handler`
//! serves a page at `GET /metrics`.
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
//! # Contents
//!
//! - Names, labels, buckets and help texts are those of [`stagelight_core::catalog`]; one block per
//!   metric, in the catalogue's order.
//! - Series are sorted by attribute values: the same snapshot always gives the same text.
//! - Metrics that were never recorded and absent attributes are omitted.
//! - An up-down counter has the type `gauge`.
//! - `le` values match those that Prometheus shows for OTLP (`1`, `2.5`). Prometheus 3 rewrites the
//!   former to `1.0` when it scrapes; see the crate's front page.
//! - Instruments created with your own OpenTelemetry `Meter` are not included: they are exported
//!   over OTLP only.
//!
//! # OpenMetrics
//!
//! A scraper whose `accept` header prefers OpenMetrics gets [`Format::OpenMetrics`]: the same
//! metrics, with exemplars. Each bucket carries one exemplar, drawn uniformly from the sampled
//! requests that fell into it since the previous scrape. It stays on the page until the bucket's
//! next exemplar, so that several servers can scrape one page.

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
pub use routes::handler;
pub use text::text;
