//! Receivers with authentication: no credentials and wrong ones are rejected, right ones accepted.

use std::fs;

use testbed::{Collector, Fleet, PlannedCollector};

use super::{
    certificates::certificates,
    gateway::gateway,
    telemetry::{
        list_of, own_metric, send_spans, send_spans_with, span, trace_id, wait_for_spans, written,
    },
};
use testbed::clock::eventually;

/// The hash of `secret-one`, with bcrypt's lowest cost.
const HTPASSWD: &str = "ada:$2b$04$abcdefghijklmnopqrstuu7iYOvkEIdAVpQAhxqiHRxIF2GQzjIRm\n";

/// An agent that sends to a gateway.
struct Sender<'a> {
    name: &'static str,
    /// The authority that it trusts.
    trusts: &'a str,
    /// The authority of its own certificate.
    certificate: Option<&'a str>,
    /// Further overlays and variables.
    with: &'a [(&'a str, &'a str, &'a str)],
}

// === impl Sender ===

impl Sender<'_> {
    /// Starts the agent and sends a span through it to the gateway's OTLP receiver.
    fn send<'f>(&self, fleet: &'f Fleet, gateway: &Collector<'_>, trace: u32) -> Collector<'f> {
        let file = |name: &str| fleet.folder().join(name);
        let mut agent = fleet
            .collector(self.name)
            .unwrap()
            .with_file("agent.yaml")
            .with_file("overlays/agent-one-address.yaml")
            .with_file("overlays/agent-tls.yaml")
            .with_env("STAGELIGHT_GATEWAY_ADDRESS", gateway.addresses().otlp_grpc.to_string())
            .with_env("STAGELIGHT_GATEWAY_CA_FILE", file(&format!("{}.pem", self.trusts)));
        if let Some(signer) = self.certificate {
            agent = agent
                .with_env("STAGELIGHT_AGENT_CERT_FILE", file(&format!("agent.{signer}.pem")))
                .with_env("STAGELIGHT_AGENT_KEY_FILE", file(&format!("agent.{signer}.key")));
        }
        for (overlay, variable, value) in self.with {
            if !overlay.is_empty() {
                agent = agent.with_file(overlay);
            }
            agent = agent.with_env(variable, *value);
        }
        let agent = agent.start().unwrap();
        assert_eq!(send_spans(agent.addresses().otlp_http, &[span(trace, 1)]), 200);
        agent
    }

    /// Sends a span and waits until the agent logs the reason for the rejection.
    #[track_caller]
    fn is_rejected(&self, fleet: &Fleet, gateway: &Collector<'_>, trace: u32, reason: &str) {
        let agent = self.send(fleet, gateway, trace);
        eventually(|| {
            let log = agent.server().log().unwrap();
            if log.contains(reason) { Ok(()) } else { Err(format!("{}: {log}", self.name)) }
        });
    }
}

/// Starts a gateway that keeps all traces, with these overlays.
fn gateway_with<'a>(fleet: &'a Fleet, name: &'static str, overlays: &[&str]) -> Collector<'a> {
    planned_gateway(fleet, name, overlays).start().unwrap()
}

fn planned_gateway<'a>(
    fleet: &'a Fleet,
    name: &'static str,
    overlays: &[&str],
) -> PlannedCollector<'a> {
    let file = |name: &str| fleet.folder().join(name);
    let mut gateway = gateway(fleet, name);
    let list = list_of(&[&gateway]);
    for overlay in overlays {
        gateway = gateway.with_file(&format!("overlays/{overlay}"));
    }
    gateway
        .with_env("STAGELIGHT_GATEWAYS", list)
        .with_env("STAGELIGHT_REST_PERCENT", "100")
        .with_env("STAGELIGHT_TLS_CERT_FILE", file("gateway.ours.pem"))
        .with_env("STAGELIGHT_TLS_KEY_FILE", file("gateway.ours.key"))
        .with_env("STAGELIGHT_TLS_CLIENT_CA_FILE", file("ours.pem"))
        .with_env("STAGELIGHT_GATEWAY_CERT_FILE", file("gateway.ours.pem"))
        .with_env("STAGELIGHT_GATEWAY_KEY_FILE", file("gateway.ours.key"))
        .with_env("STAGELIGHT_GATEWAY_CA_FILE", file("ours.pem"))
        .with_env("STAGELIGHT_TOKENS_FILE", file("tokens"))
        .with_env("STAGELIGHT_HTPASSWD_FILE", file("htpasswd"))
}

/// Checks that the gateway has only this trace.
#[track_caller]
fn has_only(gateway: &Collector<'_>, trace: u32) {
    let traces = wait_for_spans(&[gateway], 1).remove(0);
    assert_eq!(traces.into_keys().collect::<Vec<_>>(), [trace_id(trace)]);
    assert_eq!(written(gateway).len(), 1);
    // No other trace has reached the sampler.
    assert_eq!(own_metric(gateway, "otelcol_processor_tail_sampling_new_trace_id_received"), 1.0);
}

#[test]
fn tls_accepts_agents_that_trust_the_gateway_and_no_plain_http() {
    let fleet = Fleet::new().unwrap();
    certificates(&fleet);
    let gateway = gateway_with(&fleet, "gateway", &["tls.yaml"]);

    let stranger = Sender { name: "stranger", trusts: "theirs", certificate: None, with: &[] };
    stranger.is_rejected(&fleet, &gateway, 1, "certificate signed by unknown authority");
    // Plain HTTP.
    assert_eq!(send_spans(gateway.addresses().otlp_http, &[span(2, 1)]), 400);

    let friend = Sender { name: "friend", trusts: "ours", certificate: None, with: &[] };
    let _agent = friend.send(&fleet, &gateway, 3);
    has_only(&gateway, 3);
}

#[test]
fn mtls_accepts_certificates_of_the_authority() {
    let fleet = Fleet::new().unwrap();
    certificates(&fleet);
    let gateway = gateway_with(&fleet, "gateway", &["tls.yaml", "mtls.yaml", "gateway-tls.yaml"]);

    let anonymous = Sender { name: "anonymous", trusts: "ours", certificate: None, with: &[] };
    anonymous.is_rejected(&fleet, &gateway, 1, "certificate required");
    let stranger =
        Sender { name: "stranger", trusts: "ours", certificate: Some("theirs"), with: &[] };
    stranger.is_rejected(&fleet, &gateway, 2, "unknown certificate authority");

    // Accepted by the OTLP receiver, then by the receiver for routed traces, with the gateway's own
    // certificate.
    let friend = Sender { name: "friend", trusts: "ours", certificate: Some("ours"), with: &[] };
    let _agent = friend.send(&fleet, &gateway, 3);
    has_only(&gateway, 3);
}

#[test]
fn the_receiver_for_routed_traces_accepts_certificates_of_the_authority() {
    let fleet = Fleet::new().unwrap();
    certificates(&fleet);
    let gateway = gateway_with(&fleet, "gateway", &["gateway-tls.yaml"]);
    let agent = |name, signer: &str| {
        let file = |name: String| fleet.folder().join(name);
        let receiver = format!("[{}]", gateway.addresses().traces_by_id);
        let agent = fleet.collector(name).unwrap();
        agent
            .with_file("agent.yaml")
            .with_file("overlays/agent-tls.yaml")
            .with_env("STAGELIGHT_GATEWAYS", receiver)
            .with_env("STAGELIGHT_GATEWAY_CA_FILE", file("ours.pem".to_owned()))
            .with_env("STAGELIGHT_AGENT_CERT_FILE", file(format!("agent.{signer}.pem")))
            .with_env("STAGELIGHT_AGENT_KEY_FILE", file(format!("agent.{signer}.key")))
            .start()
            .unwrap()
    };
    let (stranger, friend) = (agent("stranger", "theirs"), agent("friend", "ours"));

    assert_eq!(send_spans(stranger.addresses().otlp_http, &[span(1, 1)]), 200);
    eventually(|| {
        let log = stranger.server().log().unwrap();
        if log.contains("unknown certificate authority") { Ok(()) } else { Err(log) }
    });
    assert_eq!(send_spans(friend.addresses().otlp_http, &[span(2, 1)]), 200);

    has_only(&gateway, 2);
}

#[test]
fn a_bearer_token_is_accepted_and_can_be_rotated() {
    let fleet = Fleet::new().unwrap();
    certificates(&fleet);
    let write = |name: &str, text: &str| {
        fs::write(fleet.folder().join(name), text).unwrap();
        fleet.folder().join(name).display().to_string()
    };
    write("tokens", "right-token of the agents\n");
    let (right, wrong) = (write("right", "right-token\n"), write("wrong", "wrong-token\n"));
    let gateway = gateway_with(&fleet, "gateway", &["tls.yaml", "bearer.yaml"]);
    let token = |file| [("overlays/agent-bearer.yaml", "STAGELIGHT_GATEWAY_TOKEN_FILE", file)];

    let anonymous = Sender { name: "anonymous", trusts: "ours", certificate: None, with: &[] };
    anonymous.is_rejected(&fleet, &gateway, 1, "Unauthenticated");
    let wrong = token(wrong.as_str());
    let stranger = Sender { name: "stranger", trusts: "ours", certificate: None, with: &wrong };
    stranger.is_rejected(&fleet, &gateway, 2, "Unauthenticated");

    let right = token(right.as_str());
    let friend = Sender { name: "friend", trusts: "ours", certificate: None, with: &right };
    let _agent = friend.send(&fleet, &gateway, 3);
    has_only(&gateway, 3);

    // Over HTTP, where the status is visible.
    let plain = fleet.collector("plain").unwrap().with_file("all-in-one.yaml");
    let plain = plain
        .with_file("overlays/bearer.yaml")
        .with_env("STAGELIGHT_TOKENS_FILE", fleet.folder().join("tokens"))
        .start()
        .unwrap();
    let send = |token: &str| {
        let headers = [("authorization", token)];
        send_spans_with(plain.addresses().otlp_http, &[span(1, 1)], &headers)
    };
    assert_eq!(send_spans(plain.addresses().otlp_http, &[span(1, 1)]), 401);
    assert_eq!(send("Bearer wrong-token"), 401);
    assert_eq!(send("Bearer right-token"), 200);
    assert_eq!(send("Bearer "), 401);
    write("tokens", "next-token\n");
    eventually(|| match (send("Bearer next-token"), send("Bearer right-token")) {
        (200, 401) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn basic_auth_accepts_user_and_password() {
    let fleet = Fleet::new().unwrap();
    certificates(&fleet);
    let write = |name: &str, text: &str| {
        fs::write(fleet.folder().join(name), text).unwrap();
        fleet.folder().join(name).display().to_string()
    };
    write("htpasswd", HTPASSWD);
    let (right, wrong) = (write("right", "secret-one"), write("wrong", "secret-two"));
    let gateway = gateway_with(&fleet, "gateway", &["tls.yaml", "basic.yaml"]);
    let password = |file| {
        let overlay = "overlays/agent-basic.yaml";
        [
            (overlay, "STAGELIGHT_GATEWAY_USER", "ada"),
            ("", "STAGELIGHT_GATEWAY_PASSWORD_FILE", file),
        ]
    };

    let anonymous = Sender { name: "anonymous", trusts: "ours", certificate: None, with: &[] };
    anonymous.is_rejected(&fleet, &gateway, 1, "Unauthenticated");
    let wrong = password(wrong.as_str());
    let stranger = Sender { name: "stranger", trusts: "ours", certificate: None, with: &wrong };
    stranger.is_rejected(&fleet, &gateway, 2, "Unauthenticated");

    let right = password(right.as_str());
    let friend = Sender { name: "friend", trusts: "ours", certificate: None, with: &right };
    let _agent = friend.send(&fleet, &gateway, 3);
    has_only(&gateway, 3);
}

#[test]
fn an_empty_credential_variable_prevents_the_start() {
    let fleet = Fleet::new().unwrap();
    certificates(&fleet);
    let receivers = [
        ("mtls", "STAGELIGHT_TLS_CLIENT_CA_FILE"),
        ("gateway-tls", "STAGELIGHT_GATEWAY_CA_FILE"),
        ("gateway-tls-2", "STAGELIGHT_GATEWAY_CERT_FILE"),
        ("bearer", "STAGELIGHT_TOKENS_FILE"),
        ("basic", "STAGELIGHT_HTPASSWD_FILE"),
    ];
    fs::write(fleet.folder().join("tokens"), "right-token\n").unwrap();
    fs::write(fleet.folder().join("htpasswd"), HTPASSWD).unwrap();
    for (name, empty) in receivers {
        let overlay = name.trim_end_matches("-2");
        let overlays = ["tls.yaml", &format!("{overlay}.yaml")];
        let planned = planned_gateway(&fleet, name, &overlays).with_env(empty, "");

        let started = planned.start();

        assert!(started.is_err(), "{name} with an empty {empty}");
    }
}
