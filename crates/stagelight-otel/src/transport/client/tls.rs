//! TLS settings.

use std::{error::Error, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{config::TlsFiles, start_error::StartError};

/// Loads the certificates and returns rustls' settings.
pub(super) fn client_config(files: &TlsFiles) -> Result<ClientConfig, StartError> {
    // Named explicitly: the process may have two providers compiled in and no default.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(tls_error)?
        .with_root_certificates(root_certificates(files.authorities.as_deref())?);
    match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|it| unreadable(key, it))?;
            builder.with_client_auth_cert(chain, key).map_err(tls_error)
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn root_certificates(file: Option<&Path>) -> Result<RootCertStore, StartError> {
    let mut store = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates(file)? {
                store.add(certificate).map_err(|it| unreadable(file, it))?;
            }
        }
        // A machine without root certificates fails only when a certificate is verified.
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

fn unreadable(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> StartError {
    StartError::Certificate { path: path.to_owned(), source: source.into() }
}

fn tls_error(source: rustls::Error) -> StartError {
    StartError::Tls { source: source.into() }
}
