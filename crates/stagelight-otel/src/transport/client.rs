//! What both protocols share: the connector, and how errors are told.

#[cfg(feature = "tls")]
#[path = "connector_tls.rs"]
mod connector;
#[cfg(not(feature = "tls"))]
#[path = "connector_plain.rs"]
mod connector;

use std::{error::Error, sync::Arc};

use http::Uri;

use crate::{delivery::DeliveryError, transport::origin_of};

pub(super) use connector::{Connector, connector};

/// How much of what a collector says about an error is kept.
const MESSAGE_CHARS: usize = 200;

/// Cuts off what a collector says, which may be a page of HTML.
pub(super) fn cut(message: &str) -> String {
    message.trim().chars().take(MESSAGE_CHARS).collect()
}

/// Makes the error for what failed on this side of the connection.
pub(super) fn broken(uri: &Uri, source: impl Error + Send + Sync + 'static) -> DeliveryError {
    DeliveryError::Connection { endpoint: origin_of(uri), source: Arc::new(source) }
}
