//! The state of a service: the six panels of the metric contract, then the details.

use stagelight_core::catalog::{self, Label, labels};

use super::{
    common::{
        self, BACKEND_ERROR_ALERTS, CPU_ALERTS, ERROR_ALERTS, LATENCY_ALERTS, NO_BACKEND,
        NO_REQUEST, TTFB_ALERTS, endpoint_traces_of_row, heatmap,
    },
    dashboard::{Dashboard, Row},
    host,
    link::Link,
    overrides::Override,
    panel::Panel,
    query::{Series, finite, or_zero, ratio},
    series::{
        BACKEND, FAILED, http_client, http_server, requests, stage_duration, stage_errors, ttfb,
    },
    unit::Unit,
    variable::Variable,
    view::View::{Lines, Stacked, Table},
};

const ENDPOINT: [&Label; 1] = [labels::Endpoint::LABEL];
const NO_HTTP: &str = "No HTTP requests in this time range";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-service-overview",
        title: "Service overview",
        description: "Request rate, latency, errors, backends and resources of a service.",
        variables: [Variable::for_services(), vec![host::variable_of_services()]].concat(),
        rows: vec![
            Row::open("Overview", contract()),
            Row::collapsed("By endpoint", by_endpoint()),
            Row::collapsed("Outcomes", outcomes()),
            Row::collapsed("HTTP", http()),
            Row::collapsed("Backends", backends()),
            Row::collapsed("Distributions, with traces", distributions()),
        ],
        from: "now-1h",
    }
}

/// Titles and order are part of the metric contract.
fn contract() -> Vec<Panel> {
    let active = Series::new(catalog::HTTP_SERVER_ACTIVE_REQUESTS).selector("");
    vec![
        common::requests_by_endpoint("Queries Per Second"),
        response_times(),
        success_and_errors(),
        Panel::new(Lines, "Backend Performance", Unit::Seconds, NO_BACKEND)
            .description("Time to the backends' response heads: p95 and mean.")
            .query_with_exemplars(ttfb().quantile(0.95, &BACKEND), "p95 {{provider}} {{model}}")
            .query(ttfb().mean(&BACKEND), "mean {{provider}} {{model}}")
            .alerts(TTFB_ALERTS)
            .link(Link::dashboard("Stage breakdown", "stagelight-stage-breakdown")),
        Panel::new(Stacked, "Concurrent Requests", Unit::Count, "No HTTP request served yet")
            .description(
                "Active requests by instance, at each export. If they grow at a steady rate, \
                 requests get slower.",
            )
            .query(format!("sum by (instance) ({active})"), "{{instance}}"),
        Panel::new(Lines, "Resource Utilization", Unit::Ratio, "No metrics of the services' hosts")
            .description("CPU and memory of the services' hosts, as reported by the collector.")
            .query(host::cpu("$host"), "CPU {{host_name}}")
            .query(host::memory("$host"), "Memory {{host_name}}")
            .alerts(CPU_ALERTS)
            .max(1.0)
            .link(Link::dashboard("Host and process", "stagelight-host-and-process")),
    ]
}

fn response_times() -> Panel {
    let slow = r#"{ resource.service.name =~ "${job:pipe}" && duration > 1s }"#;
    let title = "Response Time Percentiles (P50, P90, P99)";
    Panel::new(Lines, title, Unit::Seconds, NO_REQUEST)
        .description(
            "From the start of a request to the last byte of its response. The duration of streams \
             depends on clients and backends: the dashboard Streaming separates first and last \
             bytes.",
        )
        .query_with_exemplars(requests().quantile(0.5, &[]), "P50")
        .query_with_exemplars(requests().quantile(0.9, &[]), "P90")
        .query_with_exemplars(requests().quantile(0.99, &[]), "P99")
        .alerts(LATENCY_ALERTS)
        .link(Link::traces("Slow traces", slow))
        .link(Link::dashboard("Stage breakdown", "stagelight-stage-breakdown"))
}

fn success_and_errors() -> Panel {
    // Without a failure there is no series; the rate is 0, not unknown.
    let part = |matcher: &str| {
        let all = requests().rate(&[]);
        ratio(&or_zero(&requests().with(matcher).rate(&[]), &all), &all)
    };
    let failed = concat!(
        r#"{ resource.service.name =~ "${job:pipe}" "#,
        r#"&& span.outcome =~ "error|timeout|panic" }"#
    );
    Panel::new(Lines, "Success vs Error Rate", Unit::Ratio, NO_REQUEST)
        .description(
            "Shares of all requests. Server errors, timeouts and panics are errors; a request \
             cancelled by its client is neither success nor error. Above 1 % errors is a warning, \
             above 5 % critical.",
        )
        .query(part(r#"outcome="ok""#), "Success")
        .query(part(FAILED), "Errors")
        .query(part(r#"outcome="cancelled""#), "Cancelled")
        .alerts(ERROR_ALERTS)
        .max(1.0)
        .link(Link::traces("Failed traces", failed))
}

fn by_endpoint() -> Vec<Panel> {
    let range = || requests().over_range();
    let error_ratio = |requests: &dyn Fn() -> Series| {
        let all = requests().rate(&ENDPOINT);
        ratio(&or_zero(&requests().with(FAILED).rate(&ENDPOINT), &all), &all)
    };
    let quantile = |quantile| finite(&range().quantile(quantile, &ENDPOINT));
    vec![
        Panel::new(Table, "Endpoints", Unit::Seconds, NO_REQUEST)
            .description("Over the time range. Click an endpoint for its traces.")
            .query(range().rate(&ENDPOINT), "")
            .query(finite(&error_ratio(&range)), "")
            .query(quantile(0.5), "")
            .query(quantile(0.95), "")
            .query(quantile(0.99), "")
            .columns(&[
                ("endpoint", "Endpoint"),
                ("Value #A", "Rate"),
                ("Value #B", "Errors"),
                ("Value #C", "p50"),
                ("Value #D", "p95"),
                ("Value #E", "p99"),
            ])
            .sorted_by("Rate")
            .alerts(LATENCY_ALERTS)
            .with_override(Override::for_column("Rate").unit(Unit::RequestsPerSecond))
            .with_override(
                Override::for_column("Errors").unit(Unit::Ratio).alerts(ERROR_ALERTS).colored(),
            )
            .size(24, 9)
            .link(endpoint_traces_of_row()),
        Panel::new(Lines, "Errors by endpoint", Unit::Ratio, NO_REQUEST)
            .description("Share of an endpoint's requests that end as error, timeout or panic.")
            .query(error_ratio(&requests), "{{endpoint}}")
            .alerts(ERROR_ALERTS)
            .max(1.0),
        common::duration_by_endpoint(),
    ]
}

fn outcomes() -> Vec<Panel> {
    vec![
        Panel::new(Stacked, "Requests by outcome", Unit::RequestsPerSecond, NO_REQUEST)
            .description(
                "ok, error, timeout and panic are results of the service; cancelled means that the \
                 client disconnected or the task was aborted.",
            )
            .query(requests().rate(&[catalog::Outcome::LABEL]), "{{outcome}}"),
        common::stage_errors(Stacked),
    ]
}

fn http() -> Vec<Panel> {
    let duration = http_server(catalog::HTTP_SERVER_REQUEST_DURATION);
    let bodies = |title: &str, metric, description: &str| {
        let body = http_server(metric);
        Panel::new(Lines, title, Unit::Bytes, NO_HTTP)
            .description(description)
            .query(body.quantile(0.95, &[labels::HttpRoute::LABEL]), "p95 {{http_route}}")
            .query(body.mean(&[labels::HttpRoute::LABEL]), "mean {{http_route}}")
    };
    let request = catalog::HTTP_SERVER_REQUEST_BODY_SIZE;
    let response = catalog::HTTP_SERVER_RESPONSE_BODY_SIZE;
    vec![
        Panel::new(Stacked, "Responses by status", Unit::RequestsPerSecond, NO_HTTP)
            .description(
                "By HTTP status code; none means that no response head was sent. A stream that \
                 fails after its head keeps its status: see the row Outcomes.",
            )
            .query(
                duration.rate(&[labels::HttpResponseStatusCode::LABEL]),
                "{{http_response_status_code}}",
            ),
        Panel::new(Lines, "HTTP duration by method and route (p95)", Unit::Seconds, NO_HTTP)
            .description(
                "http.server.request.duration of the semantic conventions, to the last byte. \
                 Requests without a matching route have no route.",
            )
            .query_with_exemplars(
                duration
                    .quantile(0.95, &[labels::HttpRequestMethod::LABEL, labels::HttpRoute::LABEL]),
                "{{http_request_method}} {{http_route}}",
            )
            .alerts(LATENCY_ALERTS),
        bodies("Request bodies", request, "Bytes read per request body."),
        bodies("Response bodies", response, "Bytes sent per response body."),
        Panel::new(Lines, "Body bytes per second", Unit::BytesPerSecond, NO_HTTP)
            .description("Network load of the bodies, without heads and TLS.")
            .query(http_server(request).rate_of_sum(&[]), "received")
            .query(http_server(response).rate_of_sum(&[]), "sent"),
    ]
}

fn backends() -> Vec<Panel> {
    let fetch = r#"stage="backend_fetch""#;
    let runs = stage_duration().with(fetch).rate(&ENDPOINT);
    let errors = stage_errors().with(fetch).rate(&ENDPOINT);
    let failed = r#"{ span.stage = "backend_fetch" && status = error }"#;
    vec![
        Panel::new(Stacked, "Outgoing requests", Unit::RequestsPerSecond, NO_BACKEND)
            .description(
                "HTTP requests sent by the service, by host and status; none means that no \
                 response head arrived.",
            )
            .query(
                http_client()
                    .rate(&[labels::ServerAddress::LABEL, labels::HttpResponseStatusCode::LABEL]),
                "{{server_address}} {{http_response_status_code}}",
            ),
        Panel::new(Lines, "Outgoing request duration (p95)", Unit::Seconds, NO_BACKEND)
            .description("From sending a request to the last byte of its response, by host.")
            .query_with_exemplars(
                http_client().quantile(0.95, &[labels::ServerAddress::LABEL]),
                "{{server_address}}",
            ),
        Panel::new(Lines, "Failed backend requests", Unit::Ratio, NO_BACKEND)
            .description("Share of the runs of the stage backend_fetch that end with an error.")
            .query(ratio(&or_zero(&errors, &runs), &runs), "{{endpoint}}")
            .alerts(BACKEND_ERROR_ALERTS)
            .max(1.0)
            .link(Link::traces("Failed backend requests", failed)),
        common::requests_by_backend("Backend requests by model"),
    ]
}

fn distributions() -> Vec<Panel> {
    let server = http_server(catalog::HTTP_SERVER_REQUEST_DURATION);
    vec![
        heatmap("HTTP requests served", &server, NO_REQUEST, "Served requests by duration."),
        heatmap("HTTP requests sent", &http_client(), NO_REQUEST, "Sent requests by duration."),
    ]
}
