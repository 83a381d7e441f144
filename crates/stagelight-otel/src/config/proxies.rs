//! Proxies that the environment sets for HTTP clients.

use std::net::IpAddr;

use http::{Uri, uri::Scheme};

use crate::env::Environment;

/// The variables that set proxies, and the hosts without one.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    https: Option<&'static str>,
    http: Option<&'static str>,
    /// The list of `NO_PROXY`, in lower case.
    exceptions: Vec<String>,
}

// === impl Proxies ===

impl Proxies {
    pub(super) fn from_env(environment: &Environment) -> Self {
        let first =
            |names: [&'static str; 4]| names.into_iter().find(|it| environment.get(it).is_some());
        let exceptions = environment.get("no_proxy").or_else(|| environment.get("NO_PROXY"));
        let exceptions = exceptions.unwrap_or_default().to_ascii_lowercase();
        Self {
            https: first(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            http: first(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            exceptions: exceptions.split(',').map(|it| it.trim().to_owned()).collect(),
        }
    }

    /// Returns the variable that sets a proxy for this address.
    pub(super) fn variable_for(&self, address: &Uri) -> Option<&'static str> {
        let is_https = address.scheme() == Some(&Scheme::HTTPS);
        let variable = if is_https { self.https } else { self.http }?;
        let host = address.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        let is_direct = is_loopback(&host) || self.exceptions.iter().any(|it| matches(it, &host));
        (!is_direct).then_some(variable)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|it: IpAddr| it.is_loopback())
}

/// Returns whether an entry of `NO_PROXY` is the host or a domain above it.
fn matches(entry: &str, host: &str) -> bool {
    let domain = entry.trim_start_matches("*.").trim_start_matches('.');
    if entry == "*" || domain == host {
        return true;
    }
    !domain.is_empty() && host.strip_suffix(domain).is_some_and(|it| it.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: Option<&str>) {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example.com");
        let pairs = [endpoint].into_iter().chain(pairs.iter().copied());
        let config = Config::from_env(&Environment::from_pairs(pairs));
        assert_eq!(config.problems, []);
        assert_eq!(config.ignored_proxy(), expected);
    }

    #[test]
    fn the_variable_for_the_scheme_is_named() {
        let proxy = "http://proxy:3128";
        check(&[], None);
        check(&[("HTTP_PROXY", proxy)], None);
        check(&[("HTTPS_PROXY", proxy), ("HTTP_PROXY", proxy)], Some("HTTPS_PROXY"));
        check(&[("https_proxy", proxy)], Some("https_proxy"));
        check(&[("ALL_PROXY", proxy)], Some("ALL_PROXY"));
        let metrics = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics:4318");
        check(&[("HTTP_PROXY", proxy), metrics], Some("HTTP_PROXY"));
        check(&[("HTTP_PROXY", proxy), metrics, ("OTEL_METRICS_EXPORTER", "none")], None);
        check(&[("HTTPS_PROXY", proxy), ("OTEL_SDK_DISABLED", "true")], None);
    }

    #[test]
    fn exceptions_and_loopback_addresses_have_no_proxy() {
        let proxy = ("HTTPS_PROXY", "http://proxy:3128");
        for list in ["*", "otlp.example.com", "a, example.com", ".example.com", "*.example.com"] {
            check(&[proxy, ("NO_PROXY", list)], None);
        }
        for list in ["ample.com", "other", "otlp", ","] {
            check(&[proxy, ("no_proxy", list)], Some("HTTPS_PROXY"));
        }
        for address in ["https://localhost:1", "https://127.0.0.9:1", "https://[::1]:1"] {
            check(&[proxy, ("OTEL_EXPORTER_OTLP_ENDPOINT", address)], None);
        }
    }
}
