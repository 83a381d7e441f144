//! The demo's options.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, ValueEnum};
use llm_gateway::Slow;

/// Requests in flight without `--rate`: as many clients as a laptop carries with ease.
const CLIENTS: u32 = 8;
/// Requests in flight with `--rate`: enough that the limit is not what is measured, and below 1,024 open files.
const IN_FLIGHT: u32 = 200;

/// Run a gateway and a simulated language model under load, and show where the time goes.
///
/// Nothing but this program is needed. The table (or, with `--format json`, one document) goes to standard output;
/// addresses and notes go to standard error. In a terminal the table of the last seconds is shown while the demo
/// runs. Ctrl-c ends it with the result so far; a second one does not wait for the requests under way.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long to send requests, such as 30s or 2m; 0 is until ctrl-c.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(super) duration: Duration,

    /// Most requests in flight at once, 1 to 1000; each takes four open files [default: 8, with --rate 200].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    concurrency: Option<u32>,

    /// Requests a second on average, sent at random moments (Poisson) whether or not earlier ones are answered;
    /// without it, each of `--concurrency` clients sends its next request when it has the answer to its last.
    #[arg(long, value_name = "REQ_PER_S", value_parser = rate)]
    pub(super) rate: Option<f64>,

    /// Decides what is asked, when, and how the simulated model answers.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,

    /// Where the gateway listens; port 0 takes any free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(super) listen: SocketAddr,

    /// Where `/metrics` is served; port 0 takes any free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(super) metrics_listen: SocketAddr,

    /// Make a stage take longer, such as backend_fetch=200ms: a regression to find. May be given for several stages.
    #[arg(long, value_name = "STAGE=DURATION", value_parser = Slow::parse)]
    pub(super) slow: Vec<(String, Duration)>,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,

    /// Export metrics and traces there, such as http://127.0.0.1:4318, as the OTEL_EXPORTER_OTLP_* variables say;
    /// without it nothing is exported.
    #[arg(long, value_name = "URL")]
    pub(super) otlp_endpoint: Option<String>,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people.
    Table,
    /// One document for programs.
    Json,
}

// === impl DemoArgs ===

impl DemoArgs {
    /// Returns the most requests that may be in flight at once.
    pub(super) fn in_flight(&self) -> u32 {
        let default = if self.rate.is_some() { IN_FLIGHT } else { CLIENTS };
        self.concurrency.unwrap_or(default)
    }

    /// Returns how long to send requests, or nothing if only an interrupt ends that.
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
    rate.ok_or("expected a number of requests a second from 0.01 to 100000")
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let expected = "expected IP:PORT such as 127.0.0.1:8080; port 0 takes any free one";
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
    fn bad_values_are_told_what_is_allowed() {
        check_error(
            &["--duration", "soon"],
            "'soon' for '--duration <DURATION>': expected a duration such as 30s, 2m or 500ms, or 0 for no limit",
        );
        check_error(
            &["--rate", "0"],
            "'0' for '--rate <REQ_PER_S>': expected a number of requests a second from 0.01 to 100000",
        );
        check_error(
            &["--concurrency", "0"],
            "'0' for '--concurrency <COUNT>': 0 is not in 1..=1000",
        );
        check_error(
            &["--listen", "8080"],
            "'8080' for '--listen <IP:PORT>': expected IP:PORT such as 127.0.0.1:8080; port 0 takes any free one",
        );
        check_error(
            &["--slow", "foo=1s"],
            "'foo=1s' for '--slow <STAGE=DURATION>': there is no stage \"foo\" to slow down; there are \
             auth_validation, request_parsing, request_preparation, backend_fetch, stream_processing",
        );
    }

    #[test]
    fn the_number_in_flight_depends_on_how_requests_arrive() {
        assert_eq!(parse(&[]).unwrap().in_flight(), 8);
        assert_eq!(parse(&["--rate", "50"]).unwrap().in_flight(), 200);
        assert_eq!(parse(&["--rate", "50", "--concurrency", "3"]).unwrap().in_flight(), 3);
    }

    #[test]
    fn a_duration_of_zero_is_no_limit() {
        assert_eq!(parse(&["--duration", "0"]).unwrap().limit(), None);
        assert_eq!(parse(&[]).unwrap().limit(), Some(Duration::from_secs(30)));
    }
}
