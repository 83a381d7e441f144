//! The options of `stagelight doctor`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::check::Check;

/// Find the broken link between a service and its dashboards.
///
/// Queries the service, the collector, Prometheus and Grafana, and checks every hop. Each check is
/// `ok`, `BROKEN` or `skipped`: blocked by a broken check, excluded by --skip, or without an
/// address and no server at the default. A server whose address is given must respond. Read-only,
/// except for an empty OTLP export, which changes nothing.
///
/// Exit status: 0 if nothing is broken, 1 if a check fails or no server responds, 2 if the command
/// line or a variable is invalid.
///
/// Tokens and passwords are read from the environment only. The collector receives
/// OTEL_EXPORTER_OTLP_HEADERS, as it does from the service. For the other servers set
/// STAGELIGHT_DOCTOR_*_TOKEN (a bearer token) or STAGELIGHT_DOCTOR_*_BASIC (user:password), with
/// SERVICE, COLLECTOR_METRICS, PROMETHEUS or GRAFANA for the star. Append _FILE to read the value
/// from a file.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The service's metrics page [default: http://127.0.0.1:9464/metrics].
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub(crate) service: Option<String>,
    /// The collector's OTLP receiver, HTTP or gRPC [default: http://127.0.0.1:4318 and :4317].
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub(crate) collector: Option<String>,
    /// The collector's own metrics [default: port 8888 of the collector's host].
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub(crate) collector_metrics: Option<String>,
    /// Prometheus [default: http://127.0.0.1:9090].
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub(crate) prometheus: Option<String>,
    /// Grafana [default: http://127.0.0.1:3000].
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub(crate) grafana: Option<String>,
    /// The service's job in Prometheus, its `service.name` [default: every job with stagelight's
    /// series].
    #[arg(long, value_name = "NAME")]
    pub(crate) job: Option<String>,
    /// Skip a check; repeatable.
    #[arg(long, value_name = "CHECK", value_enum)]
    pub(crate) skip: Vec<Check>,
    /// Time between the two scrapes that are compared; exceed the service's export interval to
    /// observe an export.
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = humantime::parse_duration,
        default_value = "5s"
    )]
    pub(crate) watch: Duration,
    /// Maximum age of the newest sample [default: three sample intervals, at least 15 s].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) fresh_within: Option<Duration>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// The format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line for each check, then the findings.
    Text,
    /// One JSON document.
    Json,
}

/// Accepts `http://HOST[:PORT][/PATH]` and `https://…`; removes trailing slashes.
fn base_url(text: &str) -> Result<String, String> {
    let expected = "expected `http://HOST[:PORT][/PATH]` or `https://…`";
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| expected.to_owned())?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() || rest.contains(['?', '#', ' ']) || text.parse::<http::Uri>().is_err()
    {
        return Err(expected.to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_trailing_slashes_and_keep_their_path() {
        assert_eq!(base_url("http://h:1/").as_deref(), Ok("http://h:1"));
        assert_eq!(base_url("https://h/grafana/").as_deref(), Ok("https://h/grafana"));
        assert_eq!(base_url("http://[::1]:9090").as_deref(), Ok("http://[::1]:9090"));
    }

    #[test]
    fn invalid_addresses_are_rejected_with_the_expected_form() {
        for text in ["127.0.0.1:9090", "ftp://h", "http://", "http://h/?a=b", "http://h h"] {
            assert!(base_url(text).unwrap_err().starts_with("expected"), "{text}");
        }
    }
}
