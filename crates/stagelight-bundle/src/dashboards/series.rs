//! The catalogue's metrics as the dashboards query them.

use stagelight_core::catalog::{self, Label};

use super::query::Series;

/// The labels of a backend.
pub(super) const BACKEND: [Label; 2] = [Label::Provider, Label::Model];

/// Matches the failures of a service. A cancelled request is neither success nor failure.
pub(super) const FAILED: &str = r#"outcome=~"error|timeout|panic""#;

pub(super) fn requests() -> Series {
    Series::new(&catalog::REQUEST, 0)
}

pub(super) fn ttfb() -> Series {
    Series::new(&catalog::BACKEND, catalog::BACKEND_TTFB)
}

pub(super) fn streaming() -> Series {
    Series::new(&catalog::BACKEND, catalog::STREAMING_DURATION)
}

pub(super) fn frontend() -> Series {
    Series::new(&catalog::FRONTEND, 0)
}

pub(super) fn percentage() -> Series {
    Series::new(&catalog::PERCENTAGE, 0)
}

/// Exclusive time: each instant of a request belongs to one stage or to `unattributed`.
pub(super) fn stage_share() -> Series {
    Series::new(&catalog::STAGE, catalog::STAGE_SHARE)
}

pub(super) fn stage_duration() -> Series {
    Series::new(&catalog::STAGE, catalog::STAGE_DURATION)
}

pub(super) fn stage_busy() -> Series {
    Series::new(&catalog::STAGE, catalog::STAGE_BUSY)
}

pub(super) fn stage_errors() -> Series {
    Series::new(&catalog::STAGE_ERRORS, 0)
}

/// A metric of the HTTP server.
pub(super) fn http_server(position: usize) -> Series {
    Series::new(&catalog::HTTP_SERVER, position)
}

pub(super) fn http_client() -> Series {
    Series::new(&catalog::HTTP_CLIENT, 0)
}

pub(super) fn dropped() -> Series {
    Series::new(&catalog::DROPPED, 0)
}

pub(super) fn exported_points() -> Series {
    Series::new(&catalog::METRIC_EXPORTER, 0)
}

pub(super) fn exported_spans() -> Series {
    Series::new(&catalog::SPAN_EXPORTER, 0)
}

pub(super) fn processed_spans() -> Series {
    Series::new(&catalog::SPAN_PROCESSOR, 0)
}
