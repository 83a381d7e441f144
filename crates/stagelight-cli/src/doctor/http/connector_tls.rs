//! Connects, with TLS where the address asks for it.

use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore, crypto::ring};

pub(super) type Connector = HttpsConnector<HttpConnector>;

/// Whether `https://` can be asked.
pub(super) const KNOWS_TLS: bool = true;

/// Makes a connector that trusts the system's certificate authorities.
pub(super) fn connector(http2: bool) -> Connector {
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    let mut roots = RootCertStore::empty();
    // A machine without any is an error only when a certificate is to be checked.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = HttpsConnectorBuilder::new().with_tls_config(config(roots)).https_or_http();
    if http2 {
        builder.enable_http2().wrap_connector(plain)
    } else {
        builder.enable_http1().wrap_connector(plain)
    }
}

#[expect(clippy::expect_used, reason = "ring has cipher suites for both of rustls' versions")]
fn config(roots: RootCertStore) -> ClientConfig {
    // Named, because the process may have two providers compiled in and no default.
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
