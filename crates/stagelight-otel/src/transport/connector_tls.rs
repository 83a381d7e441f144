//! Connects to a collector, with TLS if its address asks for it.

use std::{path::Path, sync::Arc, time::Duration};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{config::TlsFiles, start_error::StartError};

pub(in crate::transport) type Connector = HttpsConnector<HttpConnector>;

/// Makes the connector, for HTTP/2 or HTTP/1.1.
pub(in crate::transport) fn connector(
    files: &TlsFiles,
    http2: bool,
) -> Result<Connector, StartError> {
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_nodelay(true);
    plain.set_keepalive(Some(Duration::from_secs(60)));
    let builder = HttpsConnectorBuilder::new().with_tls_config(config(files)?).https_or_http();
    Ok(if http2 {
        builder.enable_http2().wrap_connector(plain)
    } else {
        builder.enable_http1().wrap_connector(plain)
    })
}

fn config(files: &TlsFiles) -> Result<ClientConfig, StartError> {
    // Named, because the process may have two providers compiled in and no default.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_root_certificates(roots(files.authorities.as_deref())?);
    match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|it| unreadable(key, it))?;
            builder.with_client_auth_cert(chain, key).map_err(tls)
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, StartError> {
    let mut store = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates(file)? {
                store.add(certificate).map_err(|it| unreadable(file, it))?;
            }
        }
        // A machine without any is an error only when a certificate is to be checked.
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|it| unreadable(file, it))?;
    certificates.collect::<Result<_, _>>().map_err(|it| unreadable(file, it))
}

fn unreadable(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StartError {
    StartError::Certificate { path: path.to_owned(), source: source.into() }
}

fn tls(source: rustls::Error) -> StartError {
    StartError::Tls { source: source.into() }
}
