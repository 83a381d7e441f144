//! What the user can say.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::check::Check;

/// Find the broken link between a service and its dashboards.
///
/// Asks the service, the collector, Prometheus and Grafana, and judges each link of the outcomes: `ok`, `broken`, `not judged` (it
/// cannot work, because another link is broken) or `skipped` (its address was not given, and nothing answers at the default). An
/// address that is given has to answer. ScrapePair only: the one thing sent is an empty OTLP export, which changes nothing.
///
/// Exit status: 0 if nothing is broken, 1 if a link is or nothing answered at all, 2 if the command line or a variable cannot be used.
///
/// Tokens and passwords come from the environment only. The collector gets OTEL_EXPORTER_OTLP_HEADERS as the service would send
/// them. For SERVICE, COLLECTOR_METRICS, PROMETHEUS and GRAFANA there is, with its name for PLACE,
/// STAGELIGHT_DOCTOR_PLACE_TOKEN (a bearer token) and STAGELIGHT_DOCTOR_PLACE_BASIC (user:password); with _FILE at the end, the file that holds it.
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
    /// The service's job in Prometheus: its `service.name` [default: every job that has stagelight's series].
    #[arg(long, value_name = "NAME")]
    pub(crate) job: Option<String>,
    /// Leave a link out; may be given more than once.
    #[arg(long, value_name = "LINK", value_enum)]
    pub(crate) skip: Vec<Check>,
    /// Time between two pair at the counters; longer than the service's export interval sees an export.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "5s")]
    pub(crate) watch: Duration,
    /// How old the newest sample may be [default: three of the intervals seen, 15 s at least].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) fresh_within: Option<Duration>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// How the report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line for each link, then what is broken.
    Text,
    /// One document; see the README.
    Json,
}

/// Accepts `http://HOST[:PORT][/PATH]` and `https://…`, and returns it without a slash at the end.
fn base_url(text: &str) -> Result<String, String> {
    let allowed = "allowed is `http://HOST[:PORT][/PATH]` or `https://…`";
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| allowed.to_owned())?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() || rest.contains(['?', '#', ' ']) || text.parse::<http::Uri>().is_err()
    {
        return Err(allowed.to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_last_slash_and_keep_their_path() {
        assert_eq!(base_url("http://h:1/").as_deref(), Ok("http://h:1"));
        assert_eq!(base_url("https://h/grafana/").as_deref(), Ok("https://h/grafana"));
        assert_eq!(base_url("http://[::1]:9090").as_deref(), Ok("http://[::1]:9090"));
    }

    #[test]
    fn what_is_no_address_is_told_what_is_one() {
        for text in ["127.0.0.1:9090", "ftp://h", "http://", "http://h/?a=b", "http://h h"] {
            assert!(base_url(text).unwrap_err().starts_with("allowed is"), "{text}");
        }
    }
}
