//! The ways to deploy are accepted as they are, and refused with one mistake in them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use xtask::{Cache, Deploy, Tools, Workspace};

const COMPOSE: &str = "collector/compose.yaml";
const GATEWAY: &str = "collector/kubernetes/gateway/stateful-set.yaml";
const AGENT: &str = "collector/kubernetes/agent/daemon-set.yaml";

/// A copy of the operator's folders, to make mistakes in.
struct Copy {
    folder: TempDir,
}

// === impl Copy ===

impl Copy {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["collector", "grafana"] {
            let from = Workspace::find().path(name);
            let status = Command::new("cp").arg("-r").arg(from).arg(folder.path()).status();
            assert!(status.unwrap().success());
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces every `from` in a file.
    fn with(self, file: &str, from: &str, to: &str) -> Self {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    fn without(self, file: &str) -> Self {
        fs::remove_file(self.path(file)).unwrap();
        self
    }

    #[track_caller]
    fn compose_says(&self, expected: &str) {
        says(deploy().compose(self.folder.path()), expected);
    }

    #[track_caller]
    fn kubernetes_says(&self, expected: &str) {
        says(deploy().kubernetes(self.folder.path()), expected);
    }
}

#[track_caller]
fn says(answer: anyhow::Result<()>, expected: &str) {
    let answer = answer.map_or_else(|error| error.to_string(), |()| "accepted".to_owned());
    assert!(answer.contains(expected), "expected {expected:?}, got:\n{answer}");
}

/// The collector's program.
fn collector() -> PathBuf {
    Tools::find_or_build(&Workspace::find(), &Cache::of_user().unwrap()).unwrap().collector
}

fn deploy() -> Deploy {
    Deploy::find_or_build(&Workspace::find(), &Cache::of_user().unwrap()).unwrap()
}

#[test]
fn the_compose_file_is_accepted() {
    says(deploy().compose(Workspace::find().root()), "accepted");
}

#[test]
fn a_misspelt_field_of_the_compose_file_is_refused() {
    let copy = Copy::new().with(COMPOSE, "mem_limit:", "mem_limits:");
    copy.compose_says("mem_limits");
}

#[test]
fn a_mounted_file_that_is_missing_is_refused() {
    let copy = Copy::new().without("collector/compose/tempo.yaml");
    copy.compose_says("tempo: mounts stat ");
}

#[test]
fn a_listener_left_on_the_containers_loopback_is_refused() {
    let copy = Copy::new().with(
        COMPOSE,
        "STAGELIGHT_OTLP_HTTP_ADDRESS: 0.0.0.0:4318",
        "OTLP_HTTP_ADDRESS: 0.0.0.0:4318",
    );
    copy.compose_says("STAGELIGHT_OTLP_HTTP_ADDRESS is not set, and its default \"127.0.0.1:4318\" is the container itself",
    );
}

#[test]
fn a_variable_that_no_configuration_reads_is_refused() {
    let copy = Copy::new().with(
        "collector/all-in-one.yaml",
        "${env:STAGELIGHT_TRACES_EXPORTER:-debug}",
        "debug",
    );
    copy.compose_says("STAGELIGHT_TRACES_EXPORTER is set, but none of its configurations reads it");
}

#[test]
fn an_address_of_no_service_is_refused() {
    let copy = Copy::new().with("collector/compose/targets/collector.yaml", "collector:", "agent:");
    copy.compose_says("prometheus: target \"agent:8888\" names no service");
}

#[test]
fn a_service_on_another_network_is_no_address() {
    let copy = Copy::new().with(COMPOSE, "networks: [backend]", "networks: [edge]");
    let copy = copy.with(COMPOSE, "networks: [edge, backend]", "networks: [backend]");
    copy.compose_says("\"tempo:4317\" is on none of its networks");
}

#[test]
fn a_health_check_by_a_program_that_the_image_does_not_have_is_refused() {
    let copy = Copy::new().with(COMPOSE, "[\"CMD\", \"/tempo\"", "[\"CMD\", \"curl\"");
    copy.compose_says("calls a program that image grafana/tempo does not have");
}

#[test]
fn more_privilege_than_needed_is_refused() {
    let with = |from, to| Copy::new().with(COMPOSE, from, to);
    with("read_only: true\n", "\n").compose_says("collector: its file system is not read-only");
    with("cap_drop: [ALL]", "").compose_says("collector: cap_drop is not [ALL]");
    with("10001:10001\"\n", "root\"\n").compose_says("collector: it runs as root");
    with(":-127.0.0.1}", ":-0.0.0.0}").compose_says("is published on \"0.0.0.0\", not on loopback");
    with("tempo:3.1.0", "tempo:latest").compose_says("needs an exact version as its tag");
}

#[test]
fn a_memory_limiter_that_the_kernel_would_forestall_is_refused() {
    let copy = Copy::new().with(COMPOSE, "mem_limit: 640m", "mem_limit: 500m");
    copy.compose_says("GOMEMLIMIT 410 MiB, memory_limiter 512 MiB, container 500 MiB");
}

#[test]
fn a_target_that_the_containers_list_forgets_is_refused() {
    let copy = Copy::new().without("collector/compose/targets/prometheus.yaml");
    copy.compose_says("hides prometheus.yaml and does not have it");
}

#[test]
fn a_secret_that_nobody_mounts_is_refused() {
    let copy = Copy::new().with(COMPOSE, "/etc/alertmanager/secrets/webhook_url", "/tmp/url");
    copy.compose_says("names /etc/alertmanager/secrets/webhook_url, which is none of its secrets");
}

#[test]
fn a_variable_that_grafana_has_no_default_for_is_refused() {
    let copy = Copy::new().with(COMPOSE, "      STAGELIGHT_TEMPO_URL: http://tempo:3200\n", "");
    copy.compose_says(
        "grafana: STAGELIGHT_TEMPO_URL is not set, but its provisioning files use it",
    );
}

#[test]
fn the_kubernetes_manifests_are_accepted() {
    says(deploy().kubernetes(Workspace::find().root()), "accepted");
}

#[test]
fn a_misspelt_field_of_a_manifest_is_refused() {
    let copy = Copy::new().with(GATEWAY, "fsGroupChangePolicy:", "fsGroupChange:");
    copy.kubernetes_says("unknown field \"spec.template.spec.securityContext.fsGroupChange\"");

    let file = "collector/kubernetes/operator/prometheus.yaml";
    let copy = Copy::new().with(file, "enableOTLPReceiver:", "enableOtlpReceiver:");
    copy.kubernetes_says("unknown field \"spec.enableOtlpReceiver\"");
}

#[test]
fn a_value_that_the_api_server_would_refuse_is_refused() {
    let copy =
        Copy::new().with(GATEWAY, "name: otlp-by-id, containerPort", "name: OTLP, containerPort");
    copy.kubernetes_says("StatefulSet stagelight-gateway: spec.template.spec.containers[0].ports[2].name: Invalid value");
}

#[test]
fn a_value_that_the_operators_schema_does_not_know_is_refused() {
    let file = "collector/kubernetes/operator/prometheus.yaml";
    let copy = Copy::new().with(file, "retention: 35d", "retention: a month");
    copy.kubernetes_says("Prometheus stagelight: spec.retention: Invalid value: \"a month\"");
    let copy = Copy::new().with(
        "collector/kubernetes/operator/monitors.yaml",
        "  podMetricsEndpoints:\n    - port: metrics\n",
        "  podMetrics:\n    - port: metrics\n",
    );
    copy.kubernetes_says("unknown field \"spec.podMetrics\"");
}

#[test]
fn a_file_that_kustomize_does_not_find_is_refused() {
    let copy = Copy::new().without("collector/kubernetes/agent-config/agent.yaml");
    copy.kubernetes_says("daemonset: kustomize build: ");
}

#[test]
fn a_pod_that_its_namespace_does_not_allow_is_refused() {
    let copy = Copy::new().with(AGENT, "capabilities: {drop: [ALL]}", "capabilities: {}");
    copy.kubernetes_says("namespace stagelight is restricted: unrestricted capabilities");
}

#[test]
fn a_mounted_config_map_that_nobody_makes_is_refused() {
    let copy = Copy::new().with(
        GATEWAY,
        "configMap: {name: stagelight-gateway}",
        "configMap: {name: stagelight}",
    );
    copy.kubernetes_says("volume config: no ConfigMap stagelight/stagelight");
}

#[test]
fn an_alertmanager_whose_configuration_nobody_makes_is_refused() {
    let file = "collector/kubernetes/operator/alertmanager.yaml";
    let copy = Copy::new().with(
        file,
        "configSecret: stagelight-alertmanager",
        "configSecret: alertmanager",
    );
    copy.kubernetes_says("no Secret stagelight/alertmanager with its configuration");
    let copy = Copy::new().with(file, "stagelight-alertmanager-templates}", "templates}");
    copy.kubernetes_says("volume templates: no ConfigMap stagelight/templates");
}

#[test]
fn a_configuration_that_is_not_in_its_config_map_is_refused() {
    let copy = Copy::new().with(AGENT, "agent-kubernetes.yaml\"]", "kubernetes.yaml\"]");
    copy.kubernetes_says("--config=/etc/stagelight/kubernetes.yaml: nothing is mounted at");
}

#[test]
fn a_listener_left_on_a_pods_loopback_is_refused() {
    let copy = Copy::new().with(GATEWAY, "\"0.0.0.0:4419\"", "\"127.0.0.1:4419\"");
    copy.kubernetes_says(
        "port otlp-by-id is 4419, but the collector listens on \"127.0.0.1:4419\"",
    );
}

#[test]
fn a_certificate_that_is_mounted_nowhere_is_refused() {
    let file = "collector/kubernetes/tls/kustomization.yaml";
    let copy = Copy::new().with(file, "/run/secrets/stagelight/tls.key", "/run/secrets/tls.key");
    copy.kubernetes_says(
        "STAGELIGHT_TLS_KEY_FILE is \"/run/secrets/tls.key\", where nothing is mounted",
    );
    let copy = Copy::new().with(file, "STAGELIGHT_TLS_KEY_FILE=", "STAGELIGHT_TLS_KEY=");
    copy.kubernetes_says("STAGELIGHT_TLS_KEY_FILE is not set and has no default");
}

#[test]
fn a_queue_on_a_file_system_that_is_read_only_is_refused() {
    let copy = Copy::new().with(
        COMPOSE,
        "- collector-data:/var/lib/otelcol-stagelight\n    networks",
        "- collector-data:/var/lib/otelcol\n    networks",
    );
    copy.compose_says("STAGELIGHT_COLLECTOR_DATA_DIR is \"/var/lib/otelcol-stagelight\", where nothing is mounted");
}

#[test]
fn a_service_that_ends_while_nobody_waits_for_its_end_is_refused() {
    let copy = Copy::new().with(
        COMPOSE,
        "{condition: service_completed_successfully}",
        "{condition: service_started}",
    );
    copy.compose_says("collector-volume: no health check");
}

#[test]
fn a_gateway_that_is_not_in_the_list_is_refused() {
    let copy = Copy::new().with(GATEWAY, "replicas: 3", "replicas: 4");
    copy.kubernetes_says("DaemonSet stagelight-agent: collector: STAGELIGHT_GATEWAYS is [");
}

#[test]
fn a_service_of_no_pod_is_refused() {
    let file = "collector/kubernetes/agent/service.yaml";
    let copy = Copy::new().with(
        file,
        "selector: {app.kubernetes.io/name: stagelight-agent}",
        "selector: {app.kubernetes.io/name: agent}",
    );
    copy.kubernetes_says("Service stagelight-agent: no selected pod has the port otlp-grpc");
}

#[test]
fn a_policy_that_leaves_nobody_a_way_to_a_port_is_refused() {
    let file = "collector/kubernetes/gateway/network-policy.yaml";
    let copy = Copy::new().with(file, "- {port: metrics}", "- {port: health}");
    copy.kubernetes_says("port metrics of its pods is not reachable");
    let copy = Copy::new().with(
        file,
        "{app.kubernetes.io/name: stagelight-agent}",
        "{app.kubernetes.io/name: agents}",
    );
    copy.kubernetes_says("no pod has the labels map[app.kubernetes.io/name:agents]");
}

#[test]
fn a_prometheus_that_is_not_as_its_file_says_is_refused() {
    let file = "collector/kubernetes/operator/prometheus.yaml";
    let copy = Copy::new().with(file, "outOfOrderTimeWindow: 30m", "outOfOrderTimeWindow: 5m");
    copy.kubernetes_says("tsdb.outOfOrderTimeWindow is 5m, but prometheus.yaml has 30m");
    let copy = Copy::new().with(file, "enableFeatures: [exemplar-storage]", "enableFeatures: []");
    copy.kubernetes_says("enableFeatures has no exemplar-storage");
}

#[test]
fn a_rule_that_differs_from_the_shipped_one_is_refused() {
    let file = "collector/kubernetes/operator/rules/performance.alerts.yaml";
    let copy = Copy::new().with(file, "for: 5m", "for: 6m");
    copy.kubernetes_says(
        "operator: group performance_alerts differs between its PrometheusRules and the shipped rules",
    );
}

#[test]
fn a_list_of_processors_that_has_fallen_behind_is_refused() {
    let copy = Copy::new().with(
        "collector/kubernetes/agent-config/agent-kubernetes.yaml",
        "[memory_limiter, k8s_attributes, resource_detection]",
        "[memory_limiter, k8s_attributes]",
    );
    copy.kubernetes_says("repeats [\"memory_limiter\"] of the processors [\"memory_limiter\" \"resource_detection\"]");
}

#[test]
fn the_readmes_kustomization_of_ones_own_is_accepted() {
    let readme = fs::read_to_string(Workspace::find().path("collector/README.md")).unwrap();
    let section = readme.split_once("\n## Kubernetes\n").unwrap().1;
    let example = section.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    let base = "stagelight/collector/kubernetes/overlays/daemonset";
    assert!(example.contains(base), "{example}");

    let copy = Copy::new();
    let mine = copy.path("collector/kubernetes/overlays/mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("kustomization.yaml"), example.replace(base, "../daemonset")).unwrap();
    fs::copy(copy.path("collector/overlays/mimir.yaml"), mine.join("mimir.yaml")).unwrap();

    copy.kubernetes_says("accepted");
    let collectors = deploy().collectors(copy.folder.path()).unwrap();
    let gateway = collectors.iter().find(|it| it.name.starts_with("mine: StatefulSet")).unwrap();
    assert_eq!(gateway.configurations.len(), 2);
    assert_eq!(gateway.environment["STAGELIGHT_MIMIR_URL"], "https://mimir.example.com/otlp");
    assert_eq!(gateway.environment["STAGELIGHT_TRACES_EXPORTER"], "otlp_grpc/traces");
    gateway.validate(&collector()).unwrap();
}

#[test]
fn every_collector_is_valid_with_the_environment_that_its_container_has() {
    let program = collector();
    let collectors = deploy().collectors(Workspace::find().root()).unwrap();

    assert!(5 <= collectors.len(), "{collectors:?}");
    for mut collector in collectors {
        collector.validate(&program).unwrap();
        collector.environment.insert("STAGELIGHT_COLLECTOR_MEMORY_MIB".into(), "much".into());
        collector.validate(&program).unwrap_err();
    }
}
