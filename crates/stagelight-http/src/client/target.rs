//! The target of a call, as spans and metrics show it.

use std::fmt;

use http::Uri;

use crate::conventions::{default_port, host_and_port};

/// The parts of a URL that hold no secrets: without user, password and query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) address: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) path: &'a str,
}

// === impl Target ===

impl<'a> Target<'a> {
    pub(crate) fn from_uri(uri: &'a Uri) -> Self {
        let scheme = uri.scheme_str().unwrap_or("http");
        let (address, _) = host_and_port(uri.host().unwrap_or_default());
        // Without a host, as below tonic, the port is also unknown.
        let port = uri.host().and_then(|_| uri.port_u16().or_else(|| default_port(scheme)));
        Self { scheme, address, port, path: uri.path() }
    }

    /// Returns the address, unless it is unknown.
    pub(crate) fn address(&self) -> Option<&'a str> {
        Some(self.address).filter(|it| !it.is_empty())
    }

    #[cfg(feature = "reqwest")]
    pub(crate) fn from_url(url: &'a reqwest::Url) -> Self {
        let (address, _) = host_and_port(url.host_str().unwrap_or_default());
        let port = url.port_or_known_default();
        Self { scheme: url.scheme(), address, port, path: url.path() }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, address, port, path } = *self;
        // The URL needs the brackets of an IPv6 address, which `server.address` leaves out.
        let (open, close) = if address.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{address}{close}")?;
        if let Some(port) = port.filter(|it| default_port(scheme) != Some(*it)) {
            write!(f, ":{port}")?;
        }
        f.write_str(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &'static str, url: &str, address: &str, port: Option<u16>) {
        let uri = Uri::from_static(uri);
        let target = Target::from_uri(&uri);
        assert_eq!(target.to_string(), url);
        assert_eq!((target.address, target.port), (address, port));
    }

    #[test]
    fn a_target_holds_no_secrets() {
        check(
            "https://user:secret@example.com/v1/chat?key=secret",
            "https://example.com/v1/chat",
            "example.com",
            Some(443),
        );
    }

    #[test]
    fn without_a_host_the_port_is_unknown() {
        let uri = Uri::from_static("/pkg.Service/Method");
        let target = Target::from_uri(&uri);
        assert_eq!((target.address(), target.port), (None, None));
    }

    #[test]
    fn a_port_is_shown_unless_it_is_the_default() {
        check("http://example.com:80/", "http://example.com/", "example.com", Some(80));
        check("http://example.com:81/", "http://example.com:81/", "example.com", Some(81));
        check("http://[::1]:81/", "http://[::1]:81/", "::1", Some(81));
    }
}
