//! Where a call goes, as far as spans and metrics may tell.

use std::fmt;

use http::Uri;

use crate::conventions::{default_port, host_and_port};

/// The parts of a URL that are no secret: user, password and query are left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) address: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) path: &'a str,
}

// === impl Target ===

impl<'a> Target<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Self {
        let scheme = uri.scheme_str().unwrap_or("http");
        let (address, _) = host_and_port(uri.host().unwrap_or_default());
        let port = uri.port_u16().or_else(|| default_port(scheme));
        Self { scheme, address, port, path: uri.path() }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, address, port, path } = *self;
        // The brackets of an IPv6 address are not part of `server.address`, but of the URL.
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
        let target = Target::of(&uri);
        assert_eq!(target.to_string(), url);
        assert_eq!((target.address, target.port), (address, port));
    }

    #[test]
    fn a_target_tells_no_secrets() {
        check(
            "https://user:secret@example.com/v1/chat?key=secret",
            "https://example.com/v1/chat",
            "example.com",
            Some(443),
        );
    }

    #[test]
    fn a_port_is_shown_unless_it_is_the_schemes_own() {
        check("http://example.com:80/", "http://example.com/", "example.com", Some(80));
        check("http://example.com:81/", "http://example.com:81/", "example.com", Some(81));
        check("http://[::1]:81/", "http://[::1]:81/", "::1", Some(81));
    }
}
