//! Connects to a collector without TLS, because the feature `tls` is off.

use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;

use crate::{config::TlsFiles, start_error::StartError};

pub(in crate::transport) type Connector = HttpConnector;

/// Makes the connector. Addresses that need TLS were refused before.
pub(in crate::transport) fn connector(
    _files: &TlsFiles,
    _http2: bool,
) -> Result<Connector, StartError> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(60)));
    Ok(connector)
}
