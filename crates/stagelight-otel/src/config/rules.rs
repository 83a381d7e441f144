//! What goes before the sampler when a request's trace is decided about.

use http::{HeaderName, HeaderValue};

use crate::config::{HeaderError, otlp};

/// The rules, all of them by what is known at a request's start.
#[derive(Clone, Debug, Default)]
pub(crate) struct SamplingRules {
    /// The part of an endpoint's requests that is traced; each endpoint once.
    pub(crate) ratios: Vec<(String, f64)>,
    pub(crate) forcing: Option<ForcingHeader>,
}

/// A header with which a request is traced in any case.
#[derive(Clone, Debug)]
pub(crate) struct ForcingHeader {
    name: HeaderName,
    value: HeaderValue,
}

// === impl SamplingRules ===

impl SamplingRules {
    /// Sets an endpoint's ratio, in place of the one that it had.
    pub(crate) fn set_ratio(&mut self, endpoint: String, ratio: f64) {
        self.ratios.retain(|it| it.0 != endpoint);
        self.ratios.push((endpoint, ratio));
    }
}

// === impl ForcingHeader ===

impl ForcingHeader {
    pub(crate) fn new(name: &str, value: &str) -> Result<Self, HeaderError> {
        let (name, value) = otlp::header(name, value)?;
        // Many clients and proxies send headers without a value for reasons of their own.
        if value.is_empty() {
            return Err(HeaderError { name: name.to_string() });
        }
        Ok(Self { name, value })
    }

    /// Returns whether a request comes with it. `get` returns the value of a header, by its lower-case name.
    pub(crate) fn is_in(&self, get: &dyn Fn(&str) -> Option<String>) -> bool {
        get(self.name.as_str()).is_some_and(|it| it.as_bytes() == self.value.as_bytes())
    }
}
