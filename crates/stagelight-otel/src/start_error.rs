//! Why a pipeline could not be started.

use std::{io, path::PathBuf};

use crate::{config::EndpointError, env::EnvProblem};

/// Why a pipeline could not be started.
///
/// An unreachable collector is not among the reasons: it is reported, and tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The environment holds values that cannot be used, and that is to be an error.
    #[error("{}", list(problems))]
    Environment {
        /// What is wrong; at least one.
        problems: Vec<EnvProblem>,
    },
    /// The settings ask for something that this program was built without.
    #[error(
        "{wanted} needs the feature `{feature}` of stagelight (or stagelight-otel), which is off"
    )]
    FeatureOff {
        /// What is asked for.
        wanted: String,
        /// The feature to turn on.
        feature: &'static str,
    },
    /// The collector's address does not go with the protocol.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A file with a certificate or key cannot be used.
    #[error("cannot take a certificate or key from {}: a PEM file is needed", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificates are fine by themselves but not together, or the system has none.
    #[error("cannot set up TLS")]
    Tls {
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The thread that exports could not be started.
    #[error("cannot start the thread that exports telemetry")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

fn list(problems: &[EnvProblem]) -> String {
    let items: Vec<_> = problems.iter().map(ToString::to_string).collect();
    items.join("; ")
}
