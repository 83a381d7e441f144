//! Sampling rules that override the sampler.

use http::{HeaderName, HeaderValue};

use crate::config::{HeaderError, otlp};

/// Sampling rules that override the sampler, evaluated when a request starts.
///
/// They apply to requests with spans recorded inside a stage layer
/// ([`Pipeline::request_traces`](crate::Pipeline::request_traces), `Telemetry::tracing_layer`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SamplingRules {
    /// Sampling ratios by route, each route once; see [`set_ratio`](Self::set_ratio).
    /// `STAGELIGHT_TRACES_ENDPOINT_RATIOS`.
    pub ratios: Vec<(String, f64)>,
    /// A header that forces sampling. `STAGELIGHT_TRACES_FORCING_HEADER`.
    pub forcing: Option<ForcingHeader>,
}

/// A header that forces a request to be sampled. Its value is a secret and never printed.
#[derive(Clone, Debug)]
pub struct ForcingHeader {
    name: HeaderName,
    value: HeaderValue,
}

// === impl SamplingRules ===

impl SamplingRules {
    /// Samples this ratio of a route's requests instead of the sampler's, replacing an earlier
    /// ratio of the route.
    ///
    /// `ratio` is clamped to 0 to 1. With a parent-based sampler, the caller's decision still
    /// comes first. `route` is the template known when the request's span is created; a route that
    /// is matched later is left to the sampler.
    pub fn set_ratio(&mut self, route: impl Into<String>, ratio: f64) {
        let route = route.into();
        self.ratios.retain(|it| it.0 != route);
        self.ratios.push((route, ratio));
    }
}

// === impl ForcingHeader ===

impl ForcingHeader {
    /// Creates a header that forces a request to be sampled.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if name or value is not valid in HTTP, or if the value is empty.
    pub fn new(name: &str, value: &str) -> Result<Self, HeaderError> {
        let (name, value) = otlp::header(name, value)?;
        // Clients and proxies send headers without a value for reasons of their own.
        if value.is_empty() {
            return Err(HeaderError { name: name.to_string() });
        }
        Ok(Self { name, value })
    }

    /// Returns whether a request carries it. `get` returns the value of a header by its lower-case
    /// name.
    pub(crate) fn is_in(&self, get: &dyn Fn(&str) -> Option<String>) -> bool {
        get(self.name.as_str()).is_some_and(|it| it.as_bytes() == self.value.as_bytes())
    }
}
