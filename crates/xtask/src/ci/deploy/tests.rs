use tempfile::TempDir;

use super::*;

const COMPOSE: &str = "collector/compose.yaml";
const GATEWAY: &str = "collector/kubernetes/gateway/stateful-set.yaml";
const AGENT: &str = "collector/kubernetes/agent/daemon-set.yaml";
const POLICY: &str = "collector/kubernetes/gateway/network-policy.yaml";
const SERVICE: &str = "collector/kubernetes/agent/service.yaml";
const TLS: &str = "collector/kubernetes/tls/kustomization.yaml";
const PROMETHEUS: &str = "collector/kubernetes/operator/prometheus.yaml";
const ALERTMANAGER: &str = "collector/kubernetes/operator/alertmanager.yaml";

/// A mistake: the file, the text, its replacement, and a part of the expected message. Without a
/// text, the file is removed.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

const IN_COMPOSE: &[Mistake] = &[
    (COMPOSE, "mem_limit:", "mem_limits:", "mem_limits"),
    ("collector/compose/tempo.yaml", "", "", "tempo: mounts stat "),
    (
        "collector/compose/targets/prometheus.yaml",
        "",
        "",
        "hides prometheus.yaml and does not have it",
    ),
    (
        COMPOSE,
        "STAGELIGHT_OTLP_HTTP_ADDRESS: 0.0.0.0:4318",
        "OTLP_HTTP_ADDRESS: 0.0.0.0:4318",
        "STAGELIGHT_OTLP_HTTP_ADDRESS is not set, and its default \"127.0.0.1:4318\" is",
    ),
    (
        "collector/all-in-one.yaml",
        "${env:STAGELIGHT_TRACES_EXPORTER:-debug}",
        "debug",
        "STAGELIGHT_TRACES_EXPORTER is set, but none of its configurations reads it",
    ),
    (
        "collector/compose/targets/collector.yaml",
        "collector:",
        "agent:",
        "prometheus: target \"agent:8888\" names no service",
    ),
    (
        COMPOSE,
        "networks: [edge, backend]",
        "networks: [edge]",
        "\"tempo:4317\" is on none of its networks",
    ),
    (
        COMPOSE,
        "[\"CMD\", \"/tempo\"",
        "[\"CMD\", \"curl\"",
        "calls a program that image grafana/tempo does not have",
    ),
    (COMPOSE, "read_only: true\n", "\n", "collector: its file system is not read-only"),
    (COMPOSE, "cap_drop: [ALL]", "", "collector: cap_drop is not [ALL]"),
    (COMPOSE, "10001:10001\"\n", "root\"\n", "collector: it runs as root"),
    (COMPOSE, ":-127.0.0.1}", ":-0.0.0.0}", "is published on \"0.0.0.0\", not on loopback"),
    (COMPOSE, "tempo:3.1.0", "tempo:latest", "needs an exact version as its tag"),
    (
        COMPOSE,
        "mem_limit: 640m",
        "mem_limit: 500m",
        "GOMEMLIMIT 410 MiB, memory_limiter 512 MiB, container 500 MiB",
    ),
    (
        COMPOSE,
        "/etc/alertmanager/secrets/webhook_url",
        "/tmp/url",
        "names /etc/alertmanager/secrets/webhook_url, which is none of its secrets",
    ),
    (
        COMPOSE,
        "      STAGELIGHT_TEMPO_URL: http://tempo:3200\n",
        "",
        "grafana: STAGELIGHT_TEMPO_URL is not set, but its provisioning files use it",
    ),
    (
        COMPOSE,
        "- collector-data:/var/lib/otelcol-stagelight\n    networks",
        "- collector-data:/var/lib/otelcol\n    networks",
        "STAGELIGHT_COLLECTOR_DATA_DIR is \"/var/lib/otelcol-stagelight\", where nothing is",
    ),
    (
        COMPOSE,
        "{condition: service_completed_successfully}",
        "{condition: service_started}",
        "collector-volume: no health check",
    ),
];

const IN_KUBERNETES: &[Mistake] = &[
    (
        GATEWAY,
        "fsGroupChangePolicy:",
        "fsGroupChange:",
        "unknown field \"spec.template.spec.securityContext.fsGroupChange\"",
    ),
    (
        GATEWAY,
        "name: otlp-by-id, containerPort",
        "name: OTLP, containerPort",
        "spec.template.spec.containers[0].ports[2].name: Invalid value",
    ),
    (
        PROMETHEUS,
        "enableOTLPReceiver:",
        "enableOtlpReceiver:",
        "unknown field \"spec.enableOtlpReceiver\"",
    ),
    (
        PROMETHEUS,
        "retention: 35d",
        "retention: a month",
        "Prometheus stagelight: spec.retention: Invalid value: \"a month\"",
    ),
    ("collector/kubernetes/agent-config/agent.yaml", "", "", "daemonset: kustomize build: "),
    (
        AGENT,
        "capabilities: {drop: [ALL]}",
        "capabilities: {}",
        "namespace stagelight is restricted: unrestricted capabilities",
    ),
    (
        GATEWAY,
        "configMap: {name: stagelight-gateway}",
        "configMap: {name: stagelight}",
        "volume config: no ConfigMap stagelight/stagelight",
    ),
    (
        ALERTMANAGER,
        "configSecret: stagelight-alertmanager",
        "configSecret: alertmanager",
        "no Secret stagelight/alertmanager with its configuration",
    ),
    (
        AGENT,
        "agent-kubernetes.yaml\"]",
        "kubernetes.yaml\"]",
        "--config=/etc/stagelight/kubernetes.yaml: nothing is mounted at",
    ),
    (
        GATEWAY,
        "\"0.0.0.0:4419\"",
        "\"127.0.0.1:4419\"",
        "port otlp-by-id is 4419, but the collector listens on \"127.0.0.1:4419\"",
    ),
    (
        TLS,
        "/run/secrets/stagelight/tls.key",
        "/run/secrets/tls.key",
        "STAGELIGHT_TLS_KEY_FILE is \"/run/secrets/tls.key\", where nothing is mounted",
    ),
    (
        TLS,
        "STAGELIGHT_TLS_KEY_FILE=",
        "STAGELIGHT_TLS_KEY=",
        "STAGELIGHT_TLS_KEY_FILE is not set and has no default",
    ),
    (
        GATEWAY,
        "replicas: 3",
        "replicas: 4",
        "DaemonSet stagelight-agent: collector: STAGELIGHT_GATEWAYS is [",
    ),
    (
        SERVICE,
        "selector: {app.kubernetes.io/name: stagelight-agent}",
        "selector: {app.kubernetes.io/name: agent}",
        "Service stagelight-agent: no selected pod has the port otlp-grpc",
    ),
    (POLICY, "- {port: metrics}", "- {port: health}", "port metrics of its pods is not reachable"),
    (
        POLICY,
        "{app.kubernetes.io/name: stagelight-agent}",
        "{app.kubernetes.io/name: agents}",
        "no pod has the labels map[app.kubernetes.io/name:agents]",
    ),
    (
        PROMETHEUS,
        "outOfOrderTimeWindow: 30m",
        "outOfOrderTimeWindow: 5m",
        "tsdb.outOfOrderTimeWindow is 5m, but prometheus.yaml has 30m",
    ),
    (
        PROMETHEUS,
        "enableFeatures: [exemplar-storage]",
        "enableFeatures: []",
        "enableFeatures has no exemplar-storage",
    ),
    (
        "collector/kubernetes/operator/rules/performance.alerts.yaml",
        "for: 5m",
        "for: 6m",
        "operator: group performance_alerts differs between its PrometheusRules and",
    ),
    (
        "collector/kubernetes/agent-config/agent-kubernetes.yaml",
        "[memory_limiter, k8s_attributes, resource_detection]",
        "[memory_limiter, k8s_attributes]",
        "repeats [\"memory_limiter\"] of the processors",
    ),
];

/// Copies the folders that operators copy.
fn copy() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["collector", "grafana"] {
        let from = Workspace::find().path(name);
        let status = Command::new("cp").arg("-r").arg(from).arg(folder.path()).status();
        assert!(status.unwrap().success());
    }
    folder
}

/// Makes each mistake alone in a copy and checks the error.
fn check_mistakes(mistakes: &[Mistake], check: fn(&Path) -> Result<()>) {
    let copy = copy();
    for (file, from, to, expected) in mistakes {
        let path = copy.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        if from.is_empty() {
            fs::remove_file(&path).unwrap();
        } else {
            fs::write(&path, text.replace(from, to)).unwrap();
        }

        let error = check(copy.path()).map_or_else(|error| error.to_string(), |()| "ok".to_owned());

        assert!(error.contains(expected), "{file}: expected {expected:?}, got:\n{error}");
        fs::write(&path, text).unwrap();
    }
    check(copy.path()).unwrap();
}

#[test]
fn mistakes_in_the_compose_file_are_errors() {
    check_mistakes(IN_COMPOSE, check_compose);
}

#[test]
fn mistakes_in_the_kubernetes_manifests_are_errors() {
    check_mistakes(IN_KUBERNETES, check_kubernetes);
}

#[test]
fn the_readmes_own_kustomization_is_valid() {
    let readme = fs::read_to_string(Workspace::find().path("collector/README.md")).unwrap();
    let section = readme.split_once("\n## Kubernetes\n").unwrap().1;
    let example = section.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    let base = "stagelight/collector/kubernetes/overlays/daemonset";
    assert!(example.contains(base), "{example}");

    let copy = copy();
    let mine = copy.path().join("collector/kubernetes/overlays/mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("kustomization.yaml"), example.replace(base, "../daemonset")).unwrap();
    let overlay = copy.path().join("collector/overlays/mimir.yaml");
    fs::copy(overlay, mine.join("mimir.yaml")).unwrap();

    check_kubernetes(copy.path()).unwrap();
    let collectors = collectors(copy.path()).unwrap();
    let gateway = collectors.iter().find(|it| it.name.starts_with("mine: StatefulSet")).unwrap();
    assert_eq!(gateway.configurations.len(), 2);
    assert_eq!(gateway.environment["STAGELIGHT_MIMIR_URL"], "https://mimir.example.com/otlp");
    assert_eq!(gateway.environment["STAGELIGHT_TRACES_EXPORTER"], "otlp_grpc/traces");
    gateway.validate(&Tools::find_or_build().unwrap().collector).unwrap();
}

#[test]
fn an_invalid_environment_of_a_container_is_an_error() {
    let program = Tools::find_or_build().unwrap().collector;
    let collectors = collectors(Workspace::find().root()).unwrap();

    assert!(5 <= collectors.len(), "{collectors:?}");
    for mut collector in collectors {
        collector.environment.insert("STAGELIGHT_COLLECTOR_MEMORY_MIB".into(), "much".into());
        collector.validate(&program).unwrap_err();
    }
}
