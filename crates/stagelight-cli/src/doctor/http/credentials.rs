//! Tokens and passwords, read from the environment or files, never from the command line, and never
//! printed.

use std::{fmt, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};
use stagelight_otel::env::parse_pairs;

/// Request headers with credentials.
#[derive(Clone, Default)]
pub(crate) struct Credentials(Vec<(HeaderName, HeaderValue)>);

/// Invalid credentials. Messages name the variable and omit its value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    /// The file cannot be read.
    #[error("{variable}: cannot read {path}")]
    File {
        /// The variable that names the file.
        variable: String,
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The value is malformed.
    #[error("{variable} (value not shown) is invalid: expected {allowed}")]
    Value {
        /// The variable.
        variable: String,
        /// The expected format.
        allowed: &'static str,
    },
}

// === impl Credentials ===

impl Credentials {
    /// Reads the credentials of one target, such as `GRAFANA`: `STAGELIGHT_DOCTOR_GRAFANA_TOKEN` (a
    /// bearer token) or `STAGELIGHT_DOCTOR_GRAFANA_BASIC` (`user:password`). With `_FILE` appended,
    /// the variable names a file with the value.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or a value is not a valid header.
    pub(crate) fn for_target(
        target: &str,
        get: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialError> {
        let variable = |kind: &str| format!("STAGELIGHT_DOCTOR_{target}_{kind}");
        if let Some((variable, token)) = value_or_file(variable("TOKEN"), get)? {
            return Self::authorization(variable, &format!("Bearer {token}"));
        }
        let Some((variable, pair)) = value_or_file(variable("BASIC"), get)? else {
            return Ok(Self::default());
        };
        if !pair.contains(':') {
            return Err(CredentialError::Value { variable, allowed: "`user:password`" });
        }
        Self::authorization(variable, &format!("Basic {}", STANDARD.encode(pair)))
    }

    /// Reads the headers of the service's OTLP exporter.
    ///
    /// # Errors
    ///
    /// When a value is not a list of headers.
    pub(crate) fn for_otlp(get: &impl Fn(&str) -> Option<String>) -> Result<Self, CredentialError> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for variable in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"] {
            let Some(list) = get(variable) else { continue };
            let invalid = || CredentialError::Value {
                variable: variable.to_owned(),
                allowed: "`name=value` pairs separated by commas, values percent-encoded",
            };
            for (name, value) in parse_pairs(&list).ok_or_else(invalid)? {
                let name: HeaderName = name.parse().map_err(|_| invalid())?;
                let value = sensitive(&value).ok_or_else(invalid)?;
                // The signal's own headers override the general ones.
                headers.retain(|it| it.0 != name);
                headers.push((name, value));
            }
        }
        Ok(Self(headers))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    fn authorization(variable: String, value: &str) -> Result<Self, CredentialError> {
        let allowed = "visible ASCII characters";
        let value = sensitive(value).ok_or(CredentialError::Value { variable, allowed })?;
        Ok(Self(vec![(header::AUTHORIZATION, value)]))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} headers, not shown)", self.0.len())
    }
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Returns the value of a variable, or of the file named by the variable with `_FILE` appended,
/// together with the variable's name.
fn value_or_file(
    variable: String,
    get: &impl Fn(&str) -> Option<String>,
) -> Result<Option<(String, String)>, CredentialError> {
    if let Some(value) = get(&variable) {
        return Ok(Some((variable, value)));
    }
    let variable = format!("{variable}_FILE");
    let Some(path) = get(&variable) else { return Ok(None) };
    match fs::read_to_string(&path) {
        Ok(value) => Ok(Some((variable, value.trim().to_owned()))),
        Err(source) => Err(CredentialError::File { variable, path, source }),
    }
}

#[cfg(test)]
mod tests;
