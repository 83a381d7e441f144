//! How each server is started: its files, arguments and environment.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::tools::Tools;
use crate::workspace::Workspace;

use super::options::StackOptions;
use super::plan::Plan;
use super::server::{Ready, Recipe};

/// The key that the gateway accepts.
pub const API_KEY: &str = "sk-stagelight-stack";

/// The simulated model provider.
pub(super) fn upstream(plan: &Plan, options: &StackOptions, program: &Path) -> Recipe {
    let seed = options.seed.to_string();
    let listen = plan.upstream.to_string();
    let mut arguments = words(&["upstream", "--listen", &listen, "--seed", &seed]);
    arguments.extend(options.upstream_args.iter().map(OsString::from));
    Recipe {
        name: "upstream",
        program: program.to_owned(),
        arguments,
        environment: environment(&[]),
        ready: Ready::Prints,
    }
}

/// The service under observation.
pub(super) fn gateway(plan: &Plan, options: &StackOptions, program: &Path) -> Recipe {
    let mut arguments = words(&[
        "serve",
        "--listen",
        &plan.gateway.to_string(),
        "--metrics-listen",
        &plan.gateway_metrics.to_string(),
        "--upstream",
        &url(plan.upstream),
        "--config",
    ]);
    arguments.push(Workspace::find().path("examples/llm-gateway/gateway.toml").into());
    arguments.extend(options.gateway_args.iter().map(OsString::from));
    let interval = options.export_interval.as_millis().to_string();
    let mut environment = environment(&[
        ("OTEL_SERVICE_NAME", "llm-gateway"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url(plan.otlp_grpc)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRIC_EXPORT_INTERVAL", &interval),
        ("LLM_GATEWAY_API_KEYS", API_KEY),
    ]);
    let more = options.gateway_env.iter().map(|(name, value)| (name.clone(), value.into()));
    environment.extend(more);
    Recipe {
        name: "gateway",
        program: program.to_owned(),
        arguments,
        environment,
        ready: Ready::Prints,
    }
}

/// Prometheus, with the two switches that its configuration needs unless a test turns them off.
pub(super) fn prometheus(plan: &Plan, options: &StackOptions, tools: &Tools) -> Recipe {
    let config = plan.prometheus_dir.join("prometheus.yaml");
    let storage = plan.prometheus_dir.join("data");
    let mut arguments = words(&[
        &format!("--config.file={}", config.display()),
        &format!("--storage.tsdb.path={}", storage.display()),
        &format!("--web.listen-address={}", plan.prometheus),
        // The default of 5 s would delay the first scrape.
        "--scrape.discovery-reload-interval=1s",
    ]);
    let switches = [
        (options.otlp_receiver, "--web.enable-otlp-receiver"),
        (options.exemplar_storage, "--enable-feature=exemplar-storage"),
    ];
    arguments.extend(switches.iter().filter(|it| it.0).map(|it| it.1.into()));
    arguments.extend(options.prometheus_args.iter().map(OsString::from));
    Recipe {
        name: "prometheus",
        program: tools.prometheus.clone(),
        arguments,
        environment: environment(&[]),
        ready: Ready::Answers(format!("{}/-/ready", url(plan.prometheus))),
    }
}

/// Alertmanager without clustering, which would listen on other interfaces.
pub(super) fn alertmanager(plan: &Plan, tools: &Tools) -> Recipe {
    let config = plan.alertmanager_dir.join("alertmanager.yaml");
    let storage = plan.alertmanager_dir.join("data");
    Recipe {
        name: "alertmanager",
        program: tools.alertmanager.clone(),
        arguments: words(&[
            &format!("--config.file={}", config.display()),
            &format!("--storage.path={}", storage.display()),
            &format!("--web.listen-address={}", plan.alertmanager),
            "--cluster.listen-address=",
        ]),
        environment: environment(&[]),
        ready: Ready::Answers(format!("{}/-/ready", url(plan.alertmanager))),
    }
}

/// The collector with the shipped configuration, variables of the stack and a test's additions.
pub(super) fn collector(plan: &Plan, options: &StackOptions, tools: &Tools) -> Recipe {
    let mut environment = environment(&[
        ("STAGELIGHT_OTLP_GRPC_ADDRESS", &plan.otlp_grpc.to_string()),
        ("STAGELIGHT_OTLP_HTTP_ADDRESS", &plan.otlp_http.to_string()),
        ("STAGELIGHT_PROMETHEUS_OTLP_URL", &format!("{}/api/v1/otlp", url(plan.prometheus))),
        ("STAGELIGHT_COLLECTOR_HEALTH_ADDRESS", &plan.collector_health.to_string()),
        ("STAGELIGHT_COLLECTOR_METRICS_HOST", &plan.collector_metrics.ip().to_string()),
        ("STAGELIGHT_COLLECTOR_METRICS_PORT", &plan.collector_metrics.port().to_string()),
        ("STAGELIGHT_TRACES_EXPORTER", "file/traces"),
        // Rates of the host's metrics within seconds.
        ("STAGELIGHT_HOST_INTERVAL", "1s"),
    ]);
    environment.push(("STAGELIGHT_TRACES_FILE".to_owned(), plan.traces_file.clone().into()));
    environment
        .push(("STAGELIGHT_COLLECTOR_DATA_DIR".to_owned(), plan.collector_dir.clone().into()));
    let config = Workspace::find().path("collector/all-in-one.yaml");
    let mut arguments = words(&[&format!("--config={}", config.display())]);
    arguments.extend(options.collector_args.iter().map(OsString::from));
    Recipe {
        name: "collector",
        program: tools.collector.clone(),
        arguments,
        environment,
        ready: Ready::Answers(url(plan.collector_health)),
    }
}

/// Returns the URL of a server, without a path.
pub(super) fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Returns a server's environment: `variables`, and no proxy for loopback.
pub(super) fn environment(variables: &[(&str, &str)]) -> Vec<(String, OsString)> {
    let direct = [("NO_PROXY", "127.0.0.1,localhost"), ("no_proxy", "127.0.0.1,localhost")];
    let variables = direct.iter().chain(variables);
    variables.map(|&(name, value)| (name.to_owned(), value.into())).collect()
}
