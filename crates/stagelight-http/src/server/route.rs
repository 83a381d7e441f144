//! The route of a request: the label `endpoint` and the attribute `http.route`.

use std::{borrow::Cow, fmt, sync::Arc};

use http::request::Parts;

/// The label `endpoint` of requests without a route.
pub(crate) const UNMATCHED: &str = "unmatched";

type RouteFn = dyn Fn(&Parts) -> Cow<'static, str> + Send + Sync;

/// Finds the route of a request.
#[derive(Clone)]
pub(crate) enum RouteResolver {
    /// The route template that the router put into the extensions.
    MatchedPath,
    /// A function of the user.
    Function(Arc<RouteFn>),
}

/// The route of a request.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// No route.
    Unmatched,
    /// axum's route template.
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
    /// The user's name for the route. Not empty.
    Named(Cow<'static, str>),
}

// === impl RouteResolver ===

impl RouteResolver {
    pub(crate) fn resolve(&self, parts: &Parts) -> Route {
        match self {
            Self::MatchedPath => matched(parts),
            Self::Function(route) => match route(parts) {
                name if name.is_empty() => Route::Unmatched,
                name => Route::Named(name),
            },
        }
    }
}

impl fmt::Debug for RouteResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MatchedPath => "MatchedPath",
            Self::Function(_) => "Function",
        })
    }
}

// === impl Route ===

impl Route {
    /// Returns the value of the label `endpoint`.
    pub(crate) fn endpoint(&self) -> &str {
        self.template().unwrap_or(UNMATCHED)
    }

    /// Returns the value of `http.route`.
    pub(crate) fn template(&self) -> Option<&str> {
        match self {
            Self::Unmatched => None,
            #[cfg(feature = "axum")]
            Self::Matched(path) => Some(path.as_str()),
            Self::Named(name) => Some(name),
        }
    }
}

#[cfg(feature = "axum")]
fn matched(parts: &Parts) -> Route {
    let path = parts.extensions.get::<axum::extract::MatchedPath>();
    path.cloned().map_or(Route::Unmatched, Route::Matched)
}

#[cfg(not(feature = "axum"))]
fn matched(_: &Parts) -> Route {
    Route::Unmatched
}
