//! The HTTP client for servers on loopback.

use std::time::Duration;

/// Timeout of one request, body included.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns a client that ignores the environment's proxies and returns error statuses as responses.
#[must_use]
pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT));
    ureq::Agent::new_with_config(config.build())
}

/// Returns the body of a `GET`, of any size.
///
/// # Errors
///
/// If the server cannot be reached, or its status is not 2xx.
pub fn get(url: &str) -> Result<String, ureq::Error> {
    let mut response = agent().get(url).call()?;
    if !response.status().is_success() {
        return Err(ureq::Error::StatusCode(response.status().as_u16()));
    }
    response.body_mut().with_config().limit(u64::MAX).read_to_string()
}
