//! The settings of a layer.

use stagelight_core::Engine;

use crate::endpoint::EndpointOf;

/// The settings of an [`HttpLayer`](crate::HttpLayer).
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) engine: Engine,
    pub(crate) endpoint: EndpointOf,
    pub(crate) default_scheme: &'static str,
    pub(crate) has_response_time_header: bool,
    pub(crate) has_access_log: bool,
    pub(crate) answers_panics: bool,
}
