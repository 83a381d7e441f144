//! Tokens and passwords: from the environment or from files, never from the command line, and never shown.

use std::{fmt, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};
use stagelight_otel::env::parse_pairs;

/// Headers that let us in.
#[derive(Clone, Default)]
pub(crate) struct Credentials(Vec<(HeaderName, HeaderValue)>);

/// Why credentials cannot be used. Says which variable, and never its value.
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
    /// The value is not what it has to be.
    #[error("{variable} (value not shown) cannot be used: allowed is {allowed}")]
    Value {
        /// The variable.
        variable: String,
        /// What it may be.
        allowed: &'static str,
    },
}

// === impl Credentials ===

impl Credentials {
    /// Reads what is meant for one place, such as `GRAFANA`: `STAGELIGHT_DOCTOR_GRAFANA_TOKEN` (a bearer token) or
    /// `STAGELIGHT_DOCTOR_GRAFANA_BASIC` (`user:password`), or the file that one of them with `_FILE` names.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or a value cannot be put into a header.
    pub(crate) fn for_target(
        place: &str,
        get: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialError> {
        let variable = |kind: &str| format!("STAGELIGHT_DOCTOR_{place}_{kind}");
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

    /// Reads the headers that the service's own exporter sends.
    ///
    /// # Errors
    ///
    /// When a value is no list of headers.
    pub(crate) fn for_otlp(get: &impl Fn(&str) -> Option<String>) -> Result<Self, CredentialError> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for variable in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"] {
            let Some(list) = get(variable) else { continue };
            let wrong = || CredentialError::Value {
                variable: variable.to_owned(),
                allowed: "`name=value` pairs separated by commas, values percent-encoded",
            };
            for (name, value) in parse_pairs(&list).ok_or_else(wrong)? {
                let name: HeaderName = name.parse().map_err(|_| wrong())?;
                let value = sensitive(&value).ok_or_else(wrong)?;
                // Those for one signal go before those for all.
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

/// Returns what a variable, or the file that its form with `_FILE` names, holds, and which of the two it was.
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
