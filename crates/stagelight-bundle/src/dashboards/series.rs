//! The catalogue's metrics as the dashboards query them.

use stagelight_core::catalog::{self, HttpServerFamily, Label, MetricId, labels};
use stagelight_otel::catalog as export;

use super::query::Series;

/// The labels of a backend.
pub(super) const BACKEND: [&Label; 2] = [labels::Provider::LABEL, labels::Model::LABEL];

/// Matches the failures of a service. A cancelled request is neither success nor failure.
pub(super) const FAILED: &str = r#"outcome=~"error|timeout|panic""#;

pub(super) fn requests() -> Series {
    Series::new(catalog::REQUEST_DURATION)
}

pub(super) fn ttfb() -> Series {
    Series::new(catalog::BACKEND_TTFB)
}

pub(super) fn streaming() -> Series {
    Series::new(catalog::STREAMING_DURATION)
}

pub(super) fn frontend() -> Series {
    Series::new(catalog::FRONTEND_PROCESSING)
}

pub(super) fn percentage() -> Series {
    Series::new(catalog::STAGE_PERCENTAGE)
}

/// Exclusive time: each instant of a request belongs to one stage or to `unattributed`.
pub(super) fn stage_share() -> Series {
    Series::new(catalog::REQUEST_STAGE_SHARE)
}

pub(super) fn stage_duration() -> Series {
    Series::new(catalog::REQUEST_STAGE_DURATION)
}

pub(super) fn stage_busy() -> Series {
    Series::new(catalog::REQUEST_STAGE_BUSY)
}

pub(super) fn stage_errors() -> Series {
    Series::new(catalog::REQUEST_STAGE_ERRORS)
}

/// A metric of the HTTP server.
pub(super) fn http_server(metric: MetricId<HttpServerFamily>) -> Series {
    Series::new(metric)
}

pub(super) fn http_client() -> Series {
    Series::new(catalog::HTTP_CLIENT_REQUEST_DURATION)
}

pub(super) fn dropped() -> Series {
    Series::new(catalog::STAGELIGHT_DROPPED)
}

pub(super) fn exported_points() -> Series {
    Series::new(export::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED)
}

pub(super) fn exported_spans() -> Series {
    Series::new(export::OTEL_SDK_EXPORTER_SPAN_EXPORTED)
}

pub(super) fn processed_spans() -> Series {
    Series::new(export::OTEL_SDK_PROCESSOR_SPAN_PROCESSED)
}
