//! The gateway's configuration: a small TOML file, checked once.

use std::{collections::BTreeMap, str::FromStr, sync::Arc, time::Duration};

use axum::http::HeaderName;
use reqwest::Url;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    keys::{ApiKeys, Secret},
    slow::Slow,
};

/// The default configuration.
const DEFAULT: &str = include_str!("../gateway.toml");

/// Models, API keys and limits of the gateway.
///
/// ```
/// use llm_gateway::GatewayConfig;
///
/// let config: GatewayConfig = r#"
///     api_keys = ["a-key"]
///     [providers.northwind]
///     base_url = "http://127.0.0.1:8081"
///     models = ["northwind-mini"]
/// "#.parse()?;
/// assert_eq!(config.models().collect::<Vec<_>>(), [("northwind-mini", "northwind")]);
/// # Ok::<(), llm_gateway::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Longest silence of a provider or, while it sends its request, of a caller.
    /// Defaults to 30 s.
    pub timeout: Duration,
    /// Largest request body in bytes. Defaults to 1 MiB.
    pub body_limit: usize,
    /// Keys that callers may use.
    pub api_keys: ApiKeys,
    /// Stages to slow down. Defaults to none.
    pub slow: Slow,
    pub(crate) forward_headers: Vec<HeaderName>,
    pub(crate) models: BTreeMap<Arc<str>, Arc<Provider>>,
}

/// Why a configuration is invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not TOML, or a name or value in it is not known.
    #[error("the configuration cannot be read")]
    Syntax {
        /// The error and its position.
        #[from]
        source: toml::de::Error,
    },
    /// Two providers have a model of the same name.
    #[error("model {model:?} is served by two providers, {first:?} and {second:?}")]
    ModelTwice {
        /// The model.
        model: String,
        /// The first provider.
        first: String,
        /// The second provider.
        second: String,
    },
    /// There are no models.
    #[error("no models: the configuration needs a [providers.NAME] with `models`")]
    NoModels,
    /// A base URL is invalid.
    #[error("base URL {url:?} must be http://HOST[:PORT][/PATH]")]
    BaseUrl {
        /// The URL as given.
        url: String,
    },
}

/// A provider, and where to reach it.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) completions: Url,
    pub(crate) api_key: Option<Secret>,
}

/// The configuration file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    timeout: Duration,
    #[serde(default = "default_body_limit")]
    body_limit: usize,
    #[serde(default)]
    api_keys: Vec<Secret>,
    #[serde(default, deserialize_with = "header_names")]
    forward_headers: Vec<HeaderName>,
    #[serde(default)]
    providers: BTreeMap<String, ProviderEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderEntry {
    base_url: String,
    api_key: Option<Secret>,
    models: Vec<String>,
}

// === impl GatewayConfig ===

impl GatewayConfig {
    /// Reads the embedded default configuration, `gateway.toml`; it has no API key.
    ///
    /// # Errors
    ///
    /// None in practice: a test reads the file.
    pub fn embedded() -> Result<Self, ConfigError> {
        DEFAULT.parse()
    }

    /// Adds keys that callers may use.
    #[must_use]
    pub fn with_api_keys<K: AsRef<str>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        keys.into_iter().for_each(|it| self.api_keys.add(it.as_ref()));
        self
    }

    /// Sends the requests for every provider to `url`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::BaseUrl`] if requests cannot be sent there.
    pub fn with_upstream(mut self, url: &str) -> Result<Self, ConfigError> {
        let completions = completions(url)?;
        for provider in self.models.values_mut() {
            let Provider { name, api_key, .. } = &**provider;
            let (name, api_key) = (name.clone(), api_key.clone());
            *provider = Arc::new(Provider { name, api_key, completions: completions.clone() });
        }
        Ok(self)
    }

    /// Makes stages take longer than they need.
    #[must_use]
    pub fn with_slow(mut self, slow: Slow) -> Self {
        self.slow = slow;
        self
    }

    /// Returns every model with its provider, in the order of their names.
    pub fn models(&self) -> impl Iterator<Item = (&str, &str)> {
        self.models.iter().map(|(model, provider)| (&**model, &*provider.name))
    }
}

impl FromStr for GatewayConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let File { timeout, body_limit, api_keys, forward_headers, providers } =
            toml::from_str(text)?;
        let slow = Slow::default();
        let models = models(providers)?;
        let keys = ApiKeys::default();
        let config = Self { timeout, body_limit, api_keys: keys, slow, forward_headers, models };
        Ok(config.with_api_keys(api_keys.iter().map(Secret::expose)))
    }
}

fn models(
    providers: BTreeMap<String, ProviderEntry>,
) -> Result<BTreeMap<Arc<str>, Arc<Provider>>, ConfigError> {
    let mut models = BTreeMap::<Arc<str>, Arc<Provider>>::new();
    for (name, ProviderEntry { base_url, api_key, models: names }) in providers {
        let completions = completions(&base_url)?;
        let provider = Arc::new(Provider { name, completions, api_key });
        for model in names {
            if let Some(other) = models.insert(model.as_str().into(), Arc::clone(&provider)) {
                let (first, second) = (other.name.clone(), provider.name.clone());
                return Err(ConfigError::ModelTwice { model, first, second });
            }
        }
    }
    if models.is_empty() { Err(ConfigError::NoModels) } else { Ok(models) }
}

/// Returns the address for chat completions under a base URL.
///
/// Only `http`: for `https`, allow it here and give `reqwest` its feature `rustls`.
fn completions(base: &str) -> Result<Url, ConfigError> {
    let mut url = Url::parse(base).ok().filter(|it| it.scheme() == "http");
    if let Some(mut path) = url.as_mut().and_then(|it| it.path_segments_mut().ok()) {
        path.pop_if_empty().extend(["v1", "chat", "completions"]);
    }
    url.ok_or_else(|| ConfigError::BaseUrl { url: base.to_owned() })
}

fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

fn default_body_limit() -> usize {
    1 << 20
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let duration = humantime::parse_duration(&text).ok().filter(|it| !it.is_zero());
    let error = || D::Error::custom(format!("{text:?} is no duration above zero such as \"30s\""));
    duration.ok_or_else(error)
}

fn header_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<HeaderName>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    names
        .iter()
        .map(|it| it.parse().map_err(|_| D::Error::custom(format!("{it:?} is no header name"))))
        .collect()
}

#[cfg(test)]
mod tests;
