//! The addresses of a running stack.

use std::path::PathBuf;

use serde::Serialize;

use super::options::{GatewaySource, StackOptions};
use super::plan::Plan;
use super::recipes::{API_KEY, url};

/// The addresses of a stack's servers. URLs have no slash at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    /// The gateway, which serves OpenAI's protocol under `/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The gateway's metrics in Prometheus' text format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// A key that the gateway accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The simulated provider behind the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Prometheus, with its API under `/api/v1`.
    pub prometheus: String,
    /// Alertmanager, with its API under `/api/v2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alertmanager: Option<String>,
    /// The collector's OTLP/gRPC receiver.
    pub collector_grpc: String,
    /// The collector's OTLP/HTTP receiver.
    pub collector_http: String,
    /// The collector's own metrics.
    pub collector_metrics: String,
    /// The file to which the collector writes traces: one OTLP export in JSON per line.
    pub traces_file: PathBuf,
    /// The folder with each server's log, `<server>.log`, and its output, `<server>.out`.
    pub log_dir: PathBuf,
}

// === impl Addresses ===

impl Addresses {
    pub(super) fn new(plan: &Plan, options: &StackOptions) -> Self {
        let with_gateway = options.gateway != GatewaySource::None;
        let gateway = |value: String| with_gateway.then_some(value);
        Self {
            gateway: gateway(url(plan.gateway)),
            metrics: gateway(format!("{}/metrics", url(plan.gateway_metrics))),
            api_key: gateway(API_KEY.to_owned()),
            upstream: gateway(url(plan.upstream)),
            prometheus: url(plan.prometheus),
            alertmanager: options.alertmanager.is_some().then(|| url(plan.alertmanager)),
            collector_grpc: url(plan.otlp_grpc),
            collector_http: url(plan.otlp_http),
            collector_metrics: format!("{}/metrics", url(plan.collector_metrics)),
            traces_file: plan.traces_file.clone(),
            log_dir: plan.log_dir.clone(),
        }
    }
}
