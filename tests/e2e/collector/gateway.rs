//! Agents and gateways: routing by trace id, and tail sampling.

use std::{collections::BTreeSet, time::Duration};

use testbed::{Fleet, GatewaySource, PlannedCollector, Stack, StackOptions};

use super::telemetry::{
    NewSpan, list_of, own_metric, send_spans, span, trace_id, wait_for_spans, written,
};
use crate::{
    client::Chat,
    fixture::{Fixture, OTLP, options},
    prometheus::Prometheus,
    spans,
};
use testbed::clock::eventually;

/// Plans a gateway with short decision waits.
pub(super) fn gateway<'a>(fleet: &'a Fleet, name: &'static str) -> PlannedCollector<'a> {
    fleet
        .collector(name)
        .unwrap()
        .with_file("gateway.yaml")
        .with_env("STAGELIGHT_DECISION_WAIT", "2s")
        .with_env("STAGELIGHT_DECISION_WAIT_AFTER_ROOT", "1s")
}

/// Plans an agent with a list of gateways.
pub(super) fn agent<'a>(
    fleet: &'a Fleet,
    name: &'static str,
    gateways: &str,
) -> PlannedCollector<'a> {
    fleet.collector(name).unwrap().with_file("agent.yaml").with_env("STAGELIGHT_GATEWAYS", gateways)
}

#[test]
fn all_spans_of_a_trace_reach_the_same_gateway() {
    const TRACES: u32 = 40;
    let fleet = Fleet::new().unwrap();
    let (a, b) = (gateway(&fleet, "gateway-a"), gateway(&fleet, "gateway-b"));
    let list = list_of(&[&a, &b]);
    let gateways = [a, b].map(|it| {
        let it = it.with_env("STAGELIGHT_GATEWAYS", &list);
        it.with_env("STAGELIGHT_REST_PERCENT", "100").start().unwrap()
    });
    let agents = ["agent-1", "agent-2"].map(|name| agent(&fleet, name, &list).start().unwrap());

    // One part through each agent, and one directly to a gateway's OTLP receiver.
    let receivers = [
        agents[0].addresses().otlp_http,
        agents[1].addresses().otlp_http,
        gateways[1].addresses().otlp_http,
    ];
    for (number, receiver) in (1..).zip(receivers) {
        let part: Vec<_> = (0..TRACES).map(|trace| span(trace, number)).collect();
        assert_eq!(send_spans(receiver, &part), 200);
    }

    let [a, b] = &gateways;
    let written = wait_for_spans(&[a, b], TRACES as usize * receivers.len());
    for traces in &written {
        for (trace, spans) in traces {
            let ids: BTreeSet<_> = spans.iter().map(|it| &it.span_id).collect();
            assert_eq!(
                (spans.len(), ids.len()),
                (receivers.len(), receivers.len()),
                "{trace}: {spans:#?}"
            );
        }
    }
    let traces: Vec<_> = written.iter().map(|it| it.len()).collect();
    assert_eq!(traces.iter().sum::<usize>(), TRACES as usize, "{traces:?}");
    // A hash distributes the traces.
    assert!(traces.iter().all(|it| 5 < *it), "{traces:?}");
}

#[test]
fn a_gateway_keeps_errors_slow_traces_and_exemplars() {
    let fleet = Fleet::new().unwrap();
    let gateway = gateway(&fleet, "gateway");
    let list = list_of(&[&gateway]);
    let gateway = gateway
        .with_env("STAGELIGHT_GATEWAYS", list)
        .with_env("STAGELIGHT_SLOW_MILLISECONDS", "800")
        .with_env("STAGELIGHT_REST_PERCENT", "0")
        .start()
        .unwrap();
    let receiver = gateway.addresses().otlp_http;
    let (error, slow, exemplar, just_not_slow) = (1, 2, 3, 4);

    // One span decides for its whole trace.
    let mut spans: Vec<NewSpan> = (1..30).flat_map(|it| [span(it, 2), span(it, 3)]).collect();
    spans.extend((5..30).map(|it| span(it, 1)));
    spans.push(span(error, 1).failed("timed out"));
    spans.push(span(slow, 1).with_duration(Duration::from_millis(900)));
    spans.push(span(exemplar, 1).with("stagelight.exemplar", true));
    spans.push(span(just_not_slow, 1).with_duration(Duration::from_millis(700)));
    assert_eq!(send_spans(receiver, &spans), 200);

    let kept = wait_for_spans(&[&gateway], 9).remove(0);
    let expected: BTreeSet<_> = [error, slow, exemplar].map(trace_id).into();
    assert_eq!(kept.keys().cloned().collect::<BTreeSet<_>>(), expected);

    // Late spans follow the decision.
    assert_eq!(send_spans(receiver, &[span(10, 4), span(slow, 4)]), 200);
    let kept = wait_for_spans(&[&gateway], 10).remove(0);
    assert_eq!(kept[&trace_id(slow)].len(), 4);
    assert_eq!(kept.keys().cloned().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_gateway_keeps_a_percentage_of_the_rest() {
    const TRACES: u32 = 400;
    let fleet = Fleet::new().unwrap();
    let gateway = gateway(&fleet, "gateway");
    let list = list_of(&[&gateway]);
    let gateway = gateway
        .with_env("STAGELIGHT_GATEWAYS", list)
        .with_env("STAGELIGHT_REST_PERCENT", "20")
        .start()
        .unwrap();

    let spans: Vec<_> = (0..TRACES).map(|it| span(it, 1)).collect();
    assert_eq!(send_spans(gateway.addresses().otlp_http, &spans), 200);

    let decided = "otelcol_processor_tail_sampling_global_count_traces_sampled";
    eventually(|| match own_metric(&gateway, decided) {
        all if all == f64::from(TRACES) => Ok(()),
        other => Err(format!("{other} decided on")),
    });
    // The trace ids are fixed, and so is the result.
    let kept = eventually(|| match written(&gateway).len() {
        0 => Err("none yet"),
        kept => Ok(kept),
    });
    assert!((40..=120).contains(&kept), "{kept} of {TRACES}");
}

#[test]
fn metrics_are_complete_and_exemplars_refer_to_kept_traces() {
    const REQUESTS: u32 = 120;
    let prometheus = Stack::start(&StackOptions {
        gateway: GatewaySource::None,
        scrape_interval: None,
        ..StackOptions::default()
    })
    .unwrap();
    let otlp = format!("{}/api/v1/otlp", prometheus.addresses().prometheus);
    let fleet = Fleet::new().unwrap();
    let (a, b) = (gateway(&fleet, "gateway-a"), gateway(&fleet, "gateway-b"));
    let list = list_of(&[&a, &b]);
    let gateways = [a, b].map(|it| {
        it.with_env("STAGELIGHT_GATEWAYS", &list)
            .with_env("STAGELIGHT_REST_PERCENT", "0")
            .with_env("STAGELIGHT_PROMETHEUS_OTLP_URL", &otlp)
            .start()
            .unwrap()
    });
    let agent = agent(&fleet, "agent", &list)
        .with_env("STAGELIGHT_GATEWAY_ADDRESS", gateways[0].addresses().otlp_grpc.to_string())
        .with_env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=trial")
        .start()
        .unwrap();
    let mut options = StackOptions { export_interval: Duration::from_secs(3), ..options() };
    let to_agent = format!("http://{}", agent.addresses().otlp_grpc);
    options.gateway_env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), to_agent));
    let fixture = Fixture::start(&options);
    let prometheus = Prometheus::new(&prometheus.addresses().prometheus);

    for _ in 0..REQUESTS {
        fixture.client.chat(&Chat::whole("northwind-mini", "ttft=0s,tokens=1"));
    }

    let count = format!("sum(request_duration_seconds_count{{job={OTLP:?}}})");
    prometheus.wait_for(&count, f64::from(REQUESTS));
    // Host metrics come from the agent, with its resource attributes.
    let cores = "system_cpu_logical_count{deployment_environment_name=\"trial\"}";
    eventually(|| match prometheus.query(cores).len() {
        1 => Ok(()),
        other => Err(other),
    });
    let exemplars =
        prometheus.exemplars(&format!("request_duration_seconds_bucket{{job={OTLP:?}}}"));
    assert!(!exemplars.is_empty());
    eventually(|| {
        let spans: Vec<_> = gateways.iter().flat_map(written).collect();
        let lost = exemplars.iter().find(|it| spans.iter().all(|span| span.span_id != it.span_id));
        lost.map_or(Ok(()), |it| Err(format!("{it:?} of {} spans", spans.len())))
    });
    let kept: BTreeSet<_> = gateways
        .iter()
        .flat_map(written)
        .filter(|it| it.kind == spans::SERVER)
        .map(|it| it.trace_id)
        .collect();
    assert!(kept.len() < REQUESTS as usize, "all {} were kept", kept.len());
    for collector in gateways.iter().chain([&agent]) {
        let log = collector.server().log().unwrap().to_lowercase();
        let warnings: Vec<_> = log.lines().filter(|it| it.contains("deprecat")).collect();
        assert_eq!(warnings, Vec::<&str>::new());
    }
}

#[test]
fn gateways_can_be_found_by_dns() {
    // An address that resolves to itself. `localhost` may also resolve to an IPv6 address without a
    // listener.
    let name = "127.0.0.1";
    let fleet = Fleet::new().unwrap();
    let gateway = gateway(&fleet, "gateway");
    let port = gateway.addresses().traces_by_id.port().to_string();
    let gateway = gateway
        .with_file("overlays/gateways-by-dns.yaml")
        .with_env("STAGELIGHT_GATEWAYS_HOST", name)
        .with_env("STAGELIGHT_GATEWAYS_PORT", &port)
        .with_env("STAGELIGHT_REST_PERCENT", "100")
        .start()
        .unwrap();
    let agent = agent(&fleet, "agent", "[]")
        .with_file("overlays/gateways-by-dns.yaml")
        .with_env("STAGELIGHT_GATEWAYS_HOST", name)
        .with_env("STAGELIGHT_GATEWAYS_PORT", &port)
        .start()
        .unwrap();

    for (number, collector) in (1..).zip([&agent, &gateway]) {
        assert_eq!(send_spans(collector.addresses().otlp_http, &[span(1, number)]), 200);
    }

    let traces = wait_for_spans(&[&gateway], 2).remove(0);
    assert_eq!(traces.len(), 1, "{traces:#?}");
}
