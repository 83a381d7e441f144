//! Connects without TLS.

use hyper_util::client::legacy::connect::HttpConnector;

pub(super) type Connector = HttpConnector;

/// Whether `https://` can be asked.
pub(super) const KNOWS_TLS: bool = false;

pub(super) fn connector(_http2: bool) -> Connector {
    HttpConnector::new()
}
