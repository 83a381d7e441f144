//! Exporters other than OTLP to Prometheus.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::Value;
use stagelight_core::catalog::{self, Family};
use testbed::{Collector, Fleet, GatewaySource, Stack, StackOptions, Workspace};

use super::telemetry::{send_counts, send_spans, span, text_of};
use crate::{
    client::Chat,
    fixture::{Fixture, OTLP, options},
    prometheus::Prometheus,
    spans,
};
use testbed::clock::{eventually, unix_seconds};

const REQUESTS: u32 = 6;

/// Starts the example with this collector as its OTLP endpoint, and sends requests.
fn example_at(collector: &Collector<'_>) -> Fixture {
    let mut options = options();
    let to = format!("http://{}", collector.addresses().otlp_grpc);
    options.gateway_env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), to));
    let fixture = Fixture::start(&options);
    for _ in 0..REQUESTS {
        fixture.client.chat(&Chat::streamed("northwind-mini", "ttft=0s,tokens=3"));
    }
    fixture
}

/// Checks that the example's metrics are the same as over OTLP, exemplars included.
#[track_caller]
fn has_the_same_series(prometheus: &Prometheus, written: &dyn Fn() -> String) {
    let count = format!("sum(request_duration_seconds_count{{job={OTLP:?}}})");
    prometheus.wait_for(&count, f64::from(REQUESTS));
    let series = prometheus.query(&format!("request_duration_seconds_count{{job={OTLP:?}}}"));
    let labels: BTreeSet<_> = series[0].labels.keys().map(String::as_str).collect();
    for name in ["host_name", "instance", "job", "service_instance_id", "service_name"] {
        assert!(labels.contains(name), "{name}: {labels:?}");
    }
    assert!(labels.iter().all(|it| !it.starts_with("otel_scope")), "{labels:?}");
    assert!(labels.iter().all(|it| !it.starts_with("exported_")), "{labels:?}");
    let job = eventually(|| match prometheus.query("system_cpu_logical_count").as_slice() {
        [machine] => Ok(machine.label("job").to_owned()),
        other => Err(format!("{other:#?}")),
    });
    assert_eq!(job, "host");

    let exemplars = eventually(|| {
        let exemplars =
            prometheus.exemplars(&format!("request_duration_seconds_bucket{{job={OTLP:?}}}"));
        if exemplars.is_empty() { Err("no exemplar") } else { Ok(exemplars) }
    });
    eventually(|| {
        let spans = spans::read(&written());
        let lost = exemplars.iter().find(|it| spans.iter().all(|span| span.span_id != it.span_id));
        lost.map_or(Ok(()), |it| Err(format!("{it:?}")))
    });
}

#[test]
fn scraping_has_the_same_series_and_exemplars() {
    let fleet = Fleet::new().unwrap();
    let collector = fleet.collector("collector").unwrap();
    let shipped = Workspace::find().path("collector/overlays/scrape.prometheus.yaml");
    let page = collector.addresses().scrape.to_string();
    let jobs = fs::read_to_string(shipped).unwrap().replace("127.0.0.1:9465", &page);
    assert!(jobs.contains(&page), "{jobs}");
    let stack = Stack::start(&StackOptions {
        gateway: GatewaySource::None,
        scrape_interval: None,
        scrape_jobs: Some(jobs.replace("scrape_interval: 15s", "scrape_interval: 300ms")),
        // No other way for the metrics.
        otlp_receiver: false,
        rules: false,
        ..StackOptions::default()
    });
    let stack = stack.unwrap();
    let collector = collector
        .with_file("all-in-one.yaml")
        .with_file("overlays/scrape.yaml")
        .with_env("STAGELIGHT_HOST_INTERVAL", "1s")
        .start()
        .unwrap();
    let _fixture = example_at(&collector);

    let prometheus = Prometheus::new(&stack.addresses().prometheus);
    has_the_same_series(&prometheus, &|| text_of(&collector));
    // The only difference, documented in the file.
    let one = prometheus.query("count(request_duration_seconds_bucket{le=\"1.0\"})");
    assert_eq!(one.len(), 1, "{one:?}");
}

#[test]
fn remote_write_has_the_same_series_and_exemplars() {
    let fleet = Fleet::new().unwrap();
    let stack = Stack::start(&StackOptions {
        gateway: GatewaySource::None,
        scrape_interval: None,
        otlp_receiver: false,
        prometheus_args: vec!["--web.enable-remote-write-receiver".to_owned()],
        rules: false,
        ..StackOptions::default()
    });
    let stack = stack.unwrap();
    let url = &stack.addresses().prometheus;
    let collector = fleet.collector("collector").unwrap();
    let collector = collector
        .with_file("all-in-one.yaml")
        .with_file("overlays/remote-write.yaml")
        .with_env("STAGELIGHT_REMOTE_WRITE_URL", format!("{url}/api/v1/write"))
        .with_env("STAGELIGHT_HOST_INTERVAL", "1s")
        .start()
        .unwrap();
    let _fixture = example_at(&collector);

    has_the_same_series(&Prometheus::new(url), &|| text_of(&collector));
}

#[test]
fn span_metrics_have_the_services_counts() {
    let overlay = Workspace::find().path("collector/overlays/span-metrics.yaml");
    let fixture = Fixture::start(&StackOptions {
        collector_args: vec![
            format!("--config={}", overlay.display()),
            "--config=yaml:connectors::span_metrics::metrics_flush_interval: 500ms".to_owned(),
        ],
        ..options()
    });
    for _ in 0..REQUESTS {
        fixture.client.chat(&Chat::whole("northwind-mini", "ttft=0s,tokens=1"));
    }

    // Both queries of the comparison in the file.
    let file = fs::read_to_string(overlay).unwrap();
    let line = file.lines().find(|it| it.contains("   = ")).unwrap();
    let (made, counted) = line.trim_start_matches(['#', ' ']).split_once("   = ").unwrap();
    fixture.prometheus.wait_for(counted, f64::from(REQUESTS));
    fixture.prometheus.wait_for(made, f64::from(REQUESTS));
}

/// Starts an OTLP backend with authentication.
fn back_end<'a>(fleet: &'a Fleet, auth: &str) -> Collector<'a> {
    let back_end = fleet.collector("back-end").unwrap();
    back_end
        .with_file("all-in-one.yaml")
        .with_yaml(auth)
        .with_yaml("service::pipelines::metrics::exporters: [file/traces]")
        .start()
        .unwrap()
}

/// Requires the key `the-key` in a header of this name.
fn key_in(header: &str) -> String {
    let auth = "{authenticator: bearertokenauth/key}";
    format!(
        "{{extensions: {{bearertokenauth/key: {{header: {header}, scheme: '', token: the-key}}}}, \
         receivers: {{otlp: {{protocols: {{http: {{auth: {auth}}}}}}}}}, \
         service: {{extensions: [file_storage, health_check, bearertokenauth/key]}}}}"
    )
}

/// Sends two values of a counter and a span through a collector; returns the backend's data.
fn forwarded(collector: &Collector<'_>, back_end: &Collector<'_>) -> (Vec<Value>, usize) {
    let receiver = collector.addresses().otlp_http;
    for value in [3, 10] {
        assert_eq!(send_counts(receiver, &[("things", &[], value)], unix_seconds()), 200);
        std::thread::sleep(Duration::from_millis(400));
    }
    assert_eq!(send_spans(receiver, &[span(1, 1)]), 200);
    eventually(|| {
        let text = text_of(back_end);
        let exports = text.lines().filter_map(|it| serde_json::from_str::<Value>(it).ok());
        let counters: Vec<_> = exports
            .flat_map(|it| it["resourceMetrics"].as_array().cloned().unwrap_or_default())
            .flat_map(|it| it["scopeMetrics"].as_array().cloned().unwrap_or_default())
            .flat_map(|it| it["metrics"].as_array().cloned().unwrap_or_default())
            .filter(|it| it["name"] == "things")
            .map(|it| it["sum"].clone())
            .collect();
        let last = counters.last().map(|it| it["dataPoints"][0]["asInt"].clone());
        let is_there = last.is_some_and(|it| it == "10" || it == "7");
        let spans = text.matches("\"spanId\"").count();
        if is_there && 0 < spans { Ok((counters, spans)) } else { Err(text) }
    })
}

#[test]
fn grafana_cloud_gets_cumulative_metrics_with_user_and_token() {
    let fleet = Fleet::new().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(fleet.folder().join(name), text).unwrap();
        fleet.folder().join(name)
    };
    let token = file("token", "glc_token");
    let auth = "{extensions: {basicauth/user: {htpasswd: {inline: '42:glc_token'}}}, \
         receivers: {otlp: {protocols: {http: {auth: {authenticator: basicauth/user}}}}}, \
         service: {extensions: [file_storage, health_check, basicauth/user]}}";
    let back_end = back_end(&fleet, auth);
    let url = format!("http://{}", back_end.addresses().otlp_http);
    let collector = fleet.collector("collector").unwrap();
    let collector = collector
        .with_file("all-in-one.yaml")
        .with_file("overlays/grafana-cloud.yaml")
        .with_env("GRAFANA_CLOUD_OTLP_ENDPOINT", url)
        .with_env("GRAFANA_CLOUD_INSTANCE_ID", "42")
        .with_env("GRAFANA_CLOUD_TOKEN_FILE", token)
        .start()
        .unwrap();

    let (counters, spans) = forwarded(&collector, &back_end);

    assert_eq!(spans, 1);
    assert!(counters.iter().all(|it| it["aggregationTemporality"] == 2), "{counters:#?}");
}

#[test]
fn new_relic_and_datadog_get_deltas_with_their_key() {
    for (overlay, header, key, urls) in [
        ("new-relic", "api-key", "NEW_RELIC_LICENSE_KEY", &["NEW_RELIC_OTLP_ENDPOINT"][..]),
        (
            "datadog",
            "dd-api-key",
            "DD_API_KEY",
            &["STAGELIGHT_DATADOG_URL", "STAGELIGHT_DATADOG_METRICS_URL"][..],
        ),
    ] {
        let fleet = Fleet::new().unwrap();
        let back_end = back_end(&fleet, &key_in(header));
        let url = format!("http://{}", back_end.addresses().otlp_http);
        let mut collector = fleet.collector("collector").unwrap();
        for name in urls {
            let path = if name.contains("METRICS") { "/v1/metrics" } else { "" };
            collector = collector.with_env(name, format!("{url}{path}"));
        }
        let collector = collector
            .with_file("all-in-one.yaml")
            .with_file(&format!("overlays/{overlay}.yaml"))
            .with_env(key, "the-key")
            .start()
            .unwrap();

        let (counters, spans) = forwarded(&collector, &back_end);

        assert_eq!(spans, 1, "{overlay}");
        // The first value has no start time, so only the second has a delta.
        let last = counters.last().unwrap();
        assert_eq!(last["aggregationTemporality"], 1, "{overlay}: {counters:#?}");
        assert_eq!(last["dataPoints"][0]["asInt"], "7", "{overlay}: {counters:#?}");
    }
}

#[test]
fn cloudwatch_declares_existing_metrics_and_dimensions() {
    let overlay = Workspace::find().path("collector/overlays/cloudwatch.yaml");
    let file = fs::read_to_string(overlay).unwrap();
    let mut seen = 0;
    for declaration in file.split("metric_name_selectors: ").skip(1) {
        let (names, rest) = declaration.split_once('\n').unwrap();
        let dimensions = rest.lines().next().unwrap().trim().trim_start_matches("dimensions: ");
        let words = dimensions.split(['[', ']', ',', ' ']).filter(|it| !it.is_empty());
        let dimensions: BTreeSet<_> = words.collect();
        for name in names.split('"').skip(1).step_by(2) {
            let name = name.trim_matches(['^', '$']).replace("[.]", ".");
            // Checked by the tests of host metrics.
            if name.starts_with("system.") {
                continue;
            }
            let has_it = |it: &&&Family| it.metrics.iter().any(|it| it.name == name);
            let family = catalog::ALL
                .iter()
                .chain(&stagelight_otel::catalog::ALL)
                .find(has_it)
                .unwrap_or_else(|| panic!("{name}"));
            let labels: BTreeSet<_> = family.labels.iter().map(|it| it.otel_name).collect();
            assert!(dimensions.is_subset(&labels), "{name}: {dimensions:?} of {labels:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 7);
}
