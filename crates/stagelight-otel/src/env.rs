//! Reads environment variables: the only module of the workspace that does.
//!
//! Everything else reads from an [`Environment`], so that tests pass in pairs instead of changing
//! the process.

mod reader;
pub mod variables;

use std::{collections::HashMap, fmt, sync::Arc};

use variables::Variable;

pub use reader::{EnvReader, parse_bool, parse_count, parse_millis, parse_pairs, parse_switch};

/// Environment variables: those of the process, or pairs given by a test.
///
/// An empty value counts as unset, as the OpenTelemetry specification requires. White space around
/// a value is trimmed.
///
/// ```
/// use stagelight_otel::Environment;
///
/// let environment = Environment::from_pairs([("OTEL_SERVICE_NAME", "gateway"), ("EMPTY", "")]);
/// assert_eq!(environment.get("OTEL_SERVICE_NAME").as_deref(), Some("gateway"));
/// assert_eq!(environment.get("EMPTY"), None);
/// ```
#[derive(Clone)]
pub struct Environment {
    lookup: Arc<Lookup>,
}

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A variable with an invalid value.
///
/// Its `Display` names the variable, the value (unless it may hold a secret) and the expected
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvProblem {
    /// The variable.
    pub name: String,
    /// The value as given; `None` if it may hold a secret.
    pub value: Option<String>,
    /// The allowed values.
    pub allowed: String,
    /// The value used instead.
    pub used: String,
}

// === impl Environment ===

impl Environment {
    /// Returns the environment of the process. Each variable is read when it is looked up.
    ///
    /// Bytes that are not UTF-8 are replaced, so that such a value is reported rather than ignored.
    #[must_use]
    pub fn process() -> Self {
        let lookup = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
        Self { lookup: Arc::new(lookup) }
    }

    /// Returns an environment of only these variables.
    #[must_use]
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs: HashMap<String, String> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { lookup: Arc::new(move |name| pairs.get(name).cloned()) }
    }

    /// Returns the value of a variable, or `None` if it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let trimmed = value.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }
}

impl fmt::Debug for Environment {
    // The values may hold secrets, and a lookup function has no list of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

// === impl EnvProblem ===

impl EnvProblem {
    pub(crate) fn new(variable: &Variable, name: String, value: &str, used: &str) -> Self {
        // `user:password@host` is a secret too, and an address may have no scheme.
        let secret = variable.secret || value.contains('@');
        Self {
            name,
            value: (!secret).then(|| value.to_owned()),
            allowed: variable.allowed.to_owned(),
            used: used.to_owned(),
        }
    }
}

impl fmt::Display for EnvProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `used` is left to the caller: where a problem is an error, nothing is used instead.
        let Self { name, value, allowed, used: _ } = self;
        match value {
            Some(value) => write!(f, "invalid {name}={value:?}")?,
            None => write!(f, "invalid {name} (value not shown)")?,
        }
        write!(f, ": expected {allowed}")
    }
}

#[cfg(test)]
mod tests;
