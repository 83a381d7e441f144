//! The options of `stagelight demo`.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, ValueEnum};
use llm_gateway::Slow;

/// Requests in flight without `--rate`: light load for a laptop.
const CLIENTS: u32 = 8;
/// Requests in flight with `--rate`: rarely reached, and below 1,024 open files.
const IN_FLIGHT: u32 = 200;

/// Run a gateway and a simulated language model under load, and show where the time goes.
///
/// Self-contained. Prints the table (or, with `--format json`, one document) to standard output,
/// addresses and notes to standard error. In a terminal it shows the table of the last seconds
/// meanwhile. Ctrl-c stops it and prints the result so far; a second one abandons the requests in
/// flight.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long to send requests, such as 30s or 2m; 0 means until ctrl-c.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(super) duration: Duration,

    /// Maximum requests in flight, 1 to 1000; each needs four open files [default: 8, with --rate
    /// 200].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    concurrency: Option<u32>,

    /// Average requests per second, with Poisson arrivals, independent of earlier responses.
    /// Without it, each of `--concurrency` clients sends its next request after the last response.
    #[arg(long, value_name = "REQ_PER_S", value_parser = rate)]
    pub(super) rate: Option<f64>,

    /// Seed of the requests, their arrivals and the simulated responses.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,

    /// Address of the gateway; port 0 picks a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(super) listen: SocketAddr,

    /// Address of `/metrics`; port 0 picks a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(super) metrics_listen: SocketAddr,

    /// Slow a stage down, such as backend_fetch=200ms, to simulate a regression; repeatable.
    #[arg(long, value_name = "STAGE=DURATION", value_parser = Slow::parse)]
    pub(super) slow: Vec<(String, Duration)>,

    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,

    /// Export metrics and traces to this collector, such as http://127.0.0.1:4318, with the
    /// settings of the OTEL_EXPORTER_OTLP_* variables [default: no export].
    #[arg(long, value_name = "URL")]
    pub(super) otlp_endpoint: Option<String>,
}

/// The format of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table.
    Table,
    /// One JSON document.
    Json,
}

// === impl DemoArgs ===

impl DemoArgs {
    /// Returns the maximum number of requests in flight.
    pub(super) fn in_flight(&self) -> u32 {
        let default = if self.rate.is_some() { IN_FLIGHT } else { CLIENTS };
        self.concurrency.unwrap_or(default)
    }

    /// Returns how long to send requests; `None` for no limit.
    pub(super) fn limit(&self) -> Option<Duration> {
        Some(self.duration).filter(|it| !it.is_zero())
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration such as 30s, 2m or 500ms, or 0 for no limit")
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|it| (0.01..=100_000.0).contains(it));
    rate.ok_or("expected a number of requests per second from 0.01 to 100000")
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let expected = "expected IP:PORT such as 127.0.0.1:8080; port 0 picks a free one";
    text.parse().map_err(|_| expected)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        demo: DemoArgs,
    }

    fn parse(args: &[&str]) -> Result<DemoArgs, String> {
        let args = ["demo"].iter().chain(args);
        Command::try_parse_from(args).map(|it| it.demo).map_err(|it| it.to_string())
    }

    #[track_caller]
    fn check_error(args: &[&str], expected: &str) {
        let error = parse(args).unwrap_err();
        let first = error.lines().next().unwrap();
        assert_eq!(first, format!("error: invalid value {expected}"));
    }

    #[test]
    fn invalid_values_are_rejected_with_the_expected_form() {
        check_error(
            &["--duration", "soon"],
            "'soon' for '--duration <DURATION>': expected a duration such as 30s, 2m or 500ms, or \
             0 for no limit",
        );
        check_error(
            &["--rate", "0"],
            "'0' for '--rate <REQ_PER_S>': expected a number of requests per second from 0.01 to \
             100000",
        );
        check_error(
            &["--concurrency", "0"],
            "'0' for '--concurrency <COUNT>': 0 is not in 1..=1000",
        );
        check_error(
            &["--listen", "8080"],
            "'8080' for '--listen <IP:PORT>': expected IP:PORT such as 127.0.0.1:8080; port 0 \
             picks a free one",
        );
        check_error(
            &["--slow", "foo=1s"],
            "'foo=1s' for '--slow <STAGE=DURATION>': there is no stage \"foo\" to slow down; there \
             are auth_validation, request_parsing, request_preparation, backend_fetch, \
             stream_processing",
        );
    }

    #[test]
    fn the_default_concurrency_depends_on_the_rate() {
        assert_eq!(parse(&[]).unwrap().in_flight(), 8);
        assert_eq!(parse(&["--rate", "50"]).unwrap().in_flight(), 200);
        assert_eq!(parse(&["--rate", "50", "--concurrency", "3"]).unwrap().in_flight(), 3);
    }

    #[test]
    fn a_duration_of_zero_means_no_limit() {
        assert_eq!(parse(&["--duration", "0"]).unwrap().limit(), None);
        assert_eq!(parse(&[]).unwrap().limit(), Some(Duration::from_secs(30)));
    }
}
