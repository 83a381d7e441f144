//! What one needs to know to use a running stack.

use std::path::PathBuf;

use serde::Serialize;

use super::options::{GatewaySource, StackOptions};
use super::plan::Plan;
use super::recipes::{API_KEY, url};
use super::server::Server;

/// Where the servers of a stack are. URLs have no slash at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    /// The gateway, which speaks OpenAI's protocol under `/v1`.
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
    /// Where the collector takes OTLP/gRPC.
    pub collector_grpc: String,
    /// Where the collector takes OTLP/HTTP.
    pub collector_http: String,
    /// The collector's own metrics.
    pub collector_metrics: String,
    /// Where the collector writes traces: one OTLP export in JSON per line.
    pub traces_file: PathBuf,
    /// Where each server's log is, as `<server>.log`, and what it printed, as `<server>.out`.
    pub log_dir: PathBuf,
}

// === impl Addresses ===

impl Addresses {
    pub(crate) fn of(plan: &Plan, options: &StackOptions) -> Self {
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

    /// Returns what a command run beside the stack finds in its environment.
    pub(crate) fn environment(&self, collector: &Server) -> Vec<(&'static str, String)> {
        let path = |path: &PathBuf| Some(path.display().to_string());
        let variables = [
            ("STAGELIGHT_STACK_GATEWAY_URL", self.gateway.clone()),
            ("STAGELIGHT_STACK_METRICS_URL", self.metrics.clone()),
            ("STAGELIGHT_STACK_API_KEY", self.api_key.clone()),
            ("STAGELIGHT_STACK_UPSTREAM_URL", self.upstream.clone()),
            ("STAGELIGHT_STACK_PROMETHEUS_URL", Some(self.prometheus.clone())),
            ("STAGELIGHT_STACK_ALERTMANAGER_URL", self.alertmanager.clone()),
            ("STAGELIGHT_STACK_COLLECTOR_GRPC_URL", Some(self.collector_grpc.clone())),
            ("STAGELIGHT_STACK_COLLECTOR_HTTP_URL", Some(self.collector_http.clone())),
            ("STAGELIGHT_STACK_COLLECTOR_METRICS_URL", Some(self.collector_metrics.clone())),
            ("STAGELIGHT_STACK_COLLECTOR_PID", collector.pid().map(|pid| pid.to_string())),
            ("STAGELIGHT_STACK_TRACES_FILE", path(&self.traces_file)),
            ("STAGELIGHT_STACK_LOG_DIR", path(&self.log_dir)),
        ];
        variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
