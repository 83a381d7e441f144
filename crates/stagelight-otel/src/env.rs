//! The one place in the workspace that reads the environment.
//!
//! Everything else asks an [`Environment`], so that a test hands in pairs and never touches the process.

mod reader;
pub mod variables;

use std::{collections::HashMap, fmt, sync::Arc};

use variables::Variable;

pub use reader::{EnvReader, parse_bool, parse_count, parse_millis, parse_pairs, parse_switch};

/// The variables that a program was started with, or a test's own.
///
/// An empty value counts as unset, as the OpenTelemetry specification asks; white space around a value is cut off.
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

/// A variable whose value could not be used.
///
/// Its `Display` names the variable, the value (unless it may hold a secret), and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvProblem {
    /// The variable.
    pub name: String,
    /// The value as given; `None` if it may hold a secret.
    pub value: Option<String>,
    /// What is allowed.
    pub allowed: String,
    /// What is used instead.
    pub used: String,
}

// === impl Environment ===

impl Environment {
    /// Reads the process's environment, each variable at the moment in which it is asked for.
    ///
    /// Bytes that are not UTF-8 are replaced, so that a value with some is reported and not overlooked.
    #[must_use]
    pub fn process() -> Self {
        let lookup = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
        Self { lookup: Arc::new(lookup) }
    }

    /// Makes an environment of just these variables.
    #[must_use]
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs: HashMap<String, String> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { lookup: Arc::new(move |name| pairs.get(name).cloned()) }
    }

    /// Returns the value of a variable, or nothing if it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let trimmed = value.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }
}

impl fmt::Debug for Environment {
    // The values may hold secrets, and the lookup cannot be listed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

// === impl EnvProblem ===

impl EnvProblem {
    pub(crate) fn new(variable: &Variable, name: String, value: &str, used: &str) -> Self {
        // A user name and password before the host of an address are a secret, too, and an address may have no scheme.
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
        // What is used instead is for those who go on; in an error nothing is.
        let Self { name, value, allowed, used: _ } = self;
        match value {
            Some(value) => write!(f, "{name}={value:?}")?,
            None => write!(f, "{name} (value not shown)")?,
        }
        write!(f, " cannot be used: allowed is {allowed}")
    }
}

#[cfg(test)]
mod tests;
