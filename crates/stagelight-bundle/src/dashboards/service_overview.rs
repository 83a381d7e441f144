//! Is the service well? The six panels that people know, then what is behind each.

use stagelight_core::catalog::{self, Label};

use super::{
    dashboard::{Dashboard, Row},
    host, limits,
    link::Link,
    overriding::Override,
    panel::{Panel, View},
    query::{Series, finite, or_zero, ratio},
    unit::Unit,
    variable::Variable,
};

const NO_REQUEST: &str = "No request in this time";
const NO_BACKEND: &str = "No backend was asked in this time";
/// What a service is to answer for: a client that goes away is neither a success nor an error.
const FAILED: &str = r#"outcome=~"error|timeout|panic""#;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-service-overview",
        title: "Service overview",
        description: "How much a service is asked, how fast it answers, how often it fails, and what it has to do it with.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::TRACES,
            Variable::job(),
            Variable::instance(),
            Variable::endpoint(),
            Variable::provider(),
            Variable::model(),
            host::of_services(),
        ],
        rows: vec![
            Row::open("Overview", the_six()),
            Row::collapsed("By endpoint", by_endpoint()),
            Row::collapsed("How requests end", outcomes()),
            Row::collapsed("HTTP", http()),
            Row::collapsed("Backends", backends()),
            Row::collapsed("Distributions, with traces", distributions()),
        ],
        from: "now-1h",
    }
}

fn requests() -> Series {
    Series::of(&catalog::REQUEST, 0)
}

fn served(position: usize) -> Series {
    Series::of(&catalog::HTTP_SERVER, position)
}

fn sent() -> Series {
    Series::of(&catalog::HTTP_CLIENT, 0)
}

fn ttfb() -> Series {
    Series::of(&catalog::BACKEND, catalog::BACKEND_TTFB)
}

fn the_six() -> Vec<Panel> {
    // Without a failure there is no series, which would be "unknown", not 0.
    let part = |matcher: &str| {
        let all = requests().rate(&[]);
        ratio(&or_zero(&requests().with(matcher).rate(&[]), &all), &all)
    };
    vec![
        Panel::new(View::Stacked, "Queries Per Second", Unit::RequestsPerSecond, NO_REQUEST)
            .about("Requests that ended, whatever their outcome, by endpoint.")
            .query(requests().rate(&[Label::Endpoint]), "{{endpoint}}"),
        Panel::new(View::Lines, "Response Time Percentiles (P50, P90, P99)", Unit::Seconds, NO_REQUEST)
            .about("From a request's start to the last byte of its answer. Streams are as long as their clients and backends make them: the dashboard Streaming tells first bytes from last ones.")
            .quantile(requests().quantile(0.5, &[]), "P50")
            .quantile(requests().quantile(0.9, &[]), "P90")
            .quantile(requests().quantile(0.99, &[]), "P99")
            .alerts(limits::REQUEST)
            .link(Link::traces("Slow traces", "{ resource.service.name =~ \"${job:pipe}\" && duration > 1s }"))
            .link(Link::dashboard("Which stage?", "stagelight-stage-breakdown")),
        Panel::new(View::Lines, "Success vs Error Rate", Unit::Ratio, NO_REQUEST)
            .about("Parts of all requests. An error is a server error, a time-out or a panic; a client that went away is neither success nor error. More than 1 % of errors is a warning, more than 5 % critical.")
            .query(part(r#"outcome="ok""#), "Success")
            .query(part(FAILED), "Errors")
            .query(part(r#"outcome="cancelled""#), "Client went away")
            .alerts(limits::FAILED)
            .max(1.0)
            .link(Link::traces("Failed traces", "{ resource.service.name =~ \"${job:pipe}\" && span.outcome =~ \"error|timeout|panic\" }")),
        Panel::new(View::Lines, "Backend Performance", Unit::Seconds, NO_BACKEND)
            .about("Time to the backends' response heads: p95 and mean.")
            .quantile(ttfb().quantile(0.95, &[Label::Provider, Label::Model]), "p95 {{provider}} {{model}}")
            .query(ttfb().mean(&[Label::Provider, Label::Model]), "mean {{provider}} {{model}}")
            .alerts(limits::BACKEND_TTFB)
            .link(Link::dashboard("Stage breakdown", "stagelight-stage-breakdown")),
        Panel::new(View::Stacked, "Concurrent Requests", Unit::Count, "No HTTP request was ever served")
            .about("Requests that have begun and not ended, by instance, at each export. Growing while the rate is steady means that requests get slower.")
            .query(
                format!(
                    "sum by (instance) ({})",
                    Series::of(&catalog::HTTP_SERVER_ACTIVE, 0).selector("")
                ),
                "{{instance}}",
            ),
        Panel::new(View::Lines, "Resource Utilization", Unit::Ratio, "No host metrics from the services' machines")
            .about("Processor and memory of the machines that the services run on, as the collector there sees them.")
            .query(host::cpu("$host"), "CPU {{host_name}}")
            .query(host::memory("$host"), "Memory {{host_name}}")
            .alerts(limits::CPU)
            .max(1.0)
            .link(Link::dashboard("Host and process", "stagelight-host-and-process")),
    ]
}

fn by_endpoint() -> Vec<Panel> {
    let by = [Label::Endpoint];
    let range = || requests().over_range();
    let failed = || or_zero(&range().with(FAILED).rate(&by), &range().rate(&by));
    vec![
        Panel::new(View::Table, "Endpoints", Unit::Seconds, NO_REQUEST)
            .about("Over the whole time shown. Click an endpoint to see its traces.")
            .query(range().rate(&by), "")
            .query(finite(&ratio(&failed(), &range().rate(&by))), "")
            .query(finite(&range().quantile(0.5, &by)), "")
            .query(finite(&range().quantile(0.95, &by)), "")
            .query(finite(&range().quantile(0.99, &by)), "")
            .column("endpoint", "Endpoint")
            .column("Value #A", "Rate")
            .sorted_by("Rate")
            .column("Value #B", "Errors")
            .column("Value #C", "p50")
            .column("Value #D", "p95")
            .column("Value #E", "p99")
            .alerts(limits::REQUEST)
            .overriding(Override::of_column("Rate").unit(Unit::RequestsPerSecond))
            .overriding(
                Override::of_column("Errors").unit(Unit::Ratio).alerts(limits::FAILED).colored(),
            )
            .size(24, 9)
            .link(Link::traces(
                "Traces of this endpoint",
                r#"{ span.http.route = "${__data.fields.Endpoint}" }"#,
            )),
        Panel::new(View::Lines, "Errors by endpoint", Unit::Ratio, NO_REQUEST)
            .about("Part of an endpoint's requests that ended as error, time-out or panic.")
            .query(
                ratio(
                    &or_zero(&requests().with(FAILED).rate(&by), &requests().rate(&by)),
                    &requests().rate(&by),
                ),
                "{{endpoint}}",
            )
            .alerts(limits::FAILED)
            .max(1.0),
        Panel::new(View::Lines, "Response time by endpoint (p95)", Unit::Seconds, NO_REQUEST)
            .about("From a request's start to its last byte.")
            .quantile(requests().quantile(0.95, &by), "{{endpoint}}")
            .alerts(limits::REQUEST)
            .link(Link::traces(
                "Traces of this endpoint",
                r#"{ span.http.route = "${__field.labels.endpoint}" }"#,
            )),
    ]
}

fn outcomes() -> Vec<Panel> {
    vec![
        Panel::new(View::Stacked, "Requests by outcome", Unit::RequestsPerSecond, NO_REQUEST)
            .about("ok, error, timeout, panic: what the service did; cancelled: the client went away, or the task was aborted.")
            .query(requests().rate(&[Label::Outcome]), "{{outcome}}"),
        Panel::new(View::Stacked, "Failed stages", Unit::PerSecond, "No stage failed in this time")
            .about("Where errors come from: stages that ended with one, by its type.")
            .query(
                Series::of(&catalog::STAGE_ERRORS, 0).rate(&[Label::Stage, Label::ErrorType]),
                "{{stage}} {{error_type}}",
            ),
    ]
}

fn http() -> Vec<Panel> {
    let no_http = "No HTTP request was served in this time";
    let bodies = |title: &str, position: usize, about: &str| {
        Panel::new(View::Lines, title, Unit::Bytes, no_http)
            .about(about)
            .query(served(position).quantile(0.95, &[Label::HttpRoute]), "p95 {{http_route}}")
            .query(served(position).mean(&[Label::HttpRoute]), "mean {{http_route}}")
    };
    vec![
        Panel::new(View::Stacked, "Responses by status", Unit::RequestsPerSecond, no_http)
            .about("By HTTP status code; without one there was no response head. A stream that breaks after its head keeps its status: the row above tells it as an error.")
            .query(served(catalog::HTTP_SERVER_DURATION).rate(&[Label::HttpResponseStatusCode]), "{{http_response_status_code}}"),
        Panel::new(View::Lines, "HTTP response time by method and route (p95)", Unit::Seconds, no_http)
            .about("The conventions' http.server.request.duration: to the last byte. Requests that no route matched have no route.")
            .quantile(
                served(catalog::HTTP_SERVER_DURATION).quantile(0.95, &[Label::HttpRequestMethod, Label::HttpRoute]),
                "{{http_request_method}} {{http_route}}",
            )
            .alerts(limits::REQUEST),
        bodies("Request bodies", catalog::HTTP_SERVER_REQUEST_BODY, "Bytes that were read of requests."),
        bodies("Response bodies", catalog::HTTP_SERVER_RESPONSE_BODY, "Bytes that were sent of responses."),
        Panel::new(View::Lines, "Body bytes per second", Unit::BytesPerSecond, no_http)
            .about("What bodies make of the network's load, without heads and TLS.")
            .query(served(catalog::HTTP_SERVER_REQUEST_BODY).rate_of_sum(&[]), "received")
            .query(served(catalog::HTTP_SERVER_RESPONSE_BODY).rate_of_sum(&[]), "sent"),
    ]
}

fn backends() -> Vec<Panel> {
    vec![
        Panel::new(View::Stacked, "Requests to others", Unit::RequestsPerSecond, NO_BACKEND)
            .about("HTTP requests that the service sent, by host and status; without a status no response head came.")
            .query(
                sent().rate(&[Label::ServerAddress, Label::HttpResponseStatusCode]),
                "{{server_address}} {{http_response_status_code}}",
            ),
        Panel::new(View::Lines, "Requests to others (p95)", Unit::Seconds, NO_BACKEND)
            .about("From sending a request to the last byte of its response, by host.")
            .quantile(sent().quantile(0.95, &[Label::ServerAddress]), "{{server_address}}"),
        Panel::new(View::Lines, "Failed backend requests", Unit::Ratio, NO_BACKEND)
            .about("Part of the stage backend_fetch's runs that ended with an error.")
            .query(
                {
                    let stage = r#"stage="backend_fetch""#;
                    let runs = Series::of(&catalog::STAGE, catalog::STAGE_DURATION).with(stage).rate(&[Label::Endpoint]);
                    let errors = Series::of(&catalog::STAGE_ERRORS, 0).with(stage).rate(&[Label::Endpoint]);
                    ratio(&or_zero(&errors, &runs), &runs)
                },
                "{{endpoint}}",
            )
            .alerts(limits::FAILED)
            .max(1.0)
            .link(Link::traces("Failed backend requests", r#"{ span.stage = "backend_fetch" && status = error }"#)),
        Panel::new(View::Stacked, "Backend requests by model", Unit::RequestsPerSecond, NO_BACKEND)
            .about("How the load is spread over providers and models.")
            .query(ttfb().rate(&[Label::Provider, Label::Model]), "{{provider}} {{model}}"),
    ]
}

fn distributions() -> Vec<Panel> {
    let heatmap = |title: &str, series: &Series, about: &str| {
        Panel::new(View::Heatmap, title, Unit::Seconds, NO_REQUEST)
            .about(about)
            .query(series.heatmap(), "{{le}}")
    };
    vec![
        heatmap(
            "HTTP requests served",
            &served(catalog::HTTP_SERVER_DURATION),
            "How many requests took how long. Each dot is one sampled request: click it to open its trace.",
        ),
        heatmap(
            "HTTP requests sent",
            &sent(),
            "How many requests to others took how long. Each dot is one sampled request: click it to open its trace.",
        ),
    ]
}
