//! The error of starting a pipeline.

use std::{io, path::PathBuf};

use crate::{
    config::{EndpointError, HeaderError},
    env::EnvProblem,
};

/// Why a pipeline could not be started.
///
/// An unreachable collector is not an error: exports are retried, and the failure is logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The environment contains invalid values, and the configuration is strict.
    #[error("{}", list(problems))]
    Environment {
        /// The problems; at least one.
        problems: Vec<EnvProblem>,
    },
    /// A setting requires a cargo feature that is disabled.
    #[error("{setting} requires the cargo feature `{feature}` of stagelight or stagelight-otel")]
    MissingFeature {
        /// The setting.
        setting: String,
        /// The feature to enable.
        feature: &'static str,
    },
    /// The collector's address does not match the protocol.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A header is not valid in HTTP.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A file does not contain a valid certificate or key.
    #[error("cannot read a certificate or key from {}: a PEM file is required", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate and key do not match, or rustls rejects the settings.
    #[error("cannot configure TLS")]
    Tls {
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system could not start the export thread.
    #[error("cannot start the export thread")]
    Thread {
        /// The system's error.
        source: io::Error,
    },
}

fn list(problems: &[EnvProblem]) -> String {
    let items: Vec<_> = problems.iter().map(ToString::to_string).collect();
    items.join("; ")
}
