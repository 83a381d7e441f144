//! What a request asks for, in few enough words for a metric.

use std::{borrow::Cow, fmt, sync::Arc};

use http::request::Parts;

/// The endpoint of a request that no route matched.
const UNMATCHED: &str = "unmatched";

type Function = dyn Fn(&Parts) -> Cow<'static, str> + Send + Sync;

/// Names the endpoint of a request.
#[derive(Clone)]
pub(crate) enum EndpointOf {
    /// By the route template that the router left in the extensions.
    Route,
    /// By a function of the caller's.
    Function(Arc<Function>),
}

/// A route template, or what the caller's function made of a request.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// Nothing matched.
    Unmatched,
    /// axum's route template.
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
    /// The caller's name for it; not empty.
    Given(Cow<'static, str>),
}

// === impl EndpointOf ===

impl EndpointOf {
    pub(crate) fn of(&self, parts: &Parts) -> Endpoint {
        match self {
            Self::Route => matched(parts),
            Self::Function(name) => match name(parts) {
                name if name.is_empty() => Endpoint::Unmatched,
                name => Endpoint::Given(name),
            },
        }
    }
}

impl fmt::Debug for EndpointOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route => "Route",
            Self::Function(_) => "Function",
        })
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Returns the value of the label `endpoint`.
    pub(crate) fn as_str(&self) -> &str {
        self.route().unwrap_or(UNMATCHED)
    }

    /// Returns the value of `http.route`.
    pub(crate) fn route(&self) -> Option<&str> {
        match self {
            Self::Unmatched => None,
            #[cfg(feature = "axum")]
            Self::Matched(path) => Some(path.as_str()),
            Self::Given(name) => Some(name),
        }
    }
}

#[cfg(feature = "axum")]
fn matched(parts: &Parts) -> Endpoint {
    let path = parts.extensions.get::<axum::extract::MatchedPath>();
    path.cloned().map_or(Endpoint::Unmatched, Endpoint::Matched)
}

#[cfg(not(feature = "axum"))]
fn matched(_: &Parts) -> Endpoint {
    Endpoint::Unmatched
}
