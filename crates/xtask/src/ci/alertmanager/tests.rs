use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

mod inhibition;

const SHIPPED: &str = CONFIGURATIONS[0];

fn read(path: &str) -> String {
    fs::read_to_string(Workspace::find().path(path)).unwrap()
}

/// Writes a changed configuration beside the shipped templates.
fn changed(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("alertmanager.yaml");
    fs::write(&file, text).unwrap();
    let templates = folder.path().join("templates");
    fs::create_dir(&templates).unwrap();
    let template = "collector/alertmanager/templates/stagelight.tmpl";
    fs::write(templates.join("stagelight.tmpl"), read(template)).unwrap();
    (folder, file)
}

#[test]
fn an_alert_without_a_route_is_an_error() {
    let text = read(SHIPPED);
    let catch_all = "    - receiver: chat\n\n";
    assert!(text.contains(catch_all));
    let (_folder, file) = changed(&text.replace(catch_all, "\n"));
    let amtool = Amtool::find_or_build().unwrap();

    let error = check_routes(&amtool, &file, &alerts().unwrap()).unwrap_err().to_string();

    assert!(error.contains("goes to \"webhook\" instead of \"webhook,chat\""), "{error}");
}

#[test]
fn the_readmes_route_for_a_team_works() {
    let readme = read("collector/README.md");
    let blocks: Vec<_> =
        readme.split("```yaml\n").skip(1).filter_map(|it| it.split("```").next()).collect();
    let block = |part: &str| *blocks.iter().find(|it| it.contains(part)).unwrap();
    let place = "    # A team's own block comes here";
    let shipped = read(SHIPPED);
    assert!(shipped.contains(place));
    let text = shipped.replacen(place, &format!("{}{place}", block("matchers: [team=")), 1)
        + block("- name: payments-chat");
    let (_folder, file) = changed(&text);
    let amtool = Amtool::find_or_build().unwrap();

    amtool.check_config(&file).unwrap();
    let receivers =
        |labels: [&str; 2]| amtool.receivers(&file, &labels.map(str::to_owned)).unwrap();
    assert_eq!(receivers(["team=payments", "severity=critical"]), "webhook,payments-mail");
    assert_eq!(receivers(["team=payments", "severity=warning"]), "webhook,payments-chat");
    assert_eq!(receivers(["team=platform", "severity=critical"]), "webhook,page");
}

#[test]
fn the_local_file_differs_in_its_receivers_only() {
    let [shipped, local] = CONFIGURATIONS.map(|it| {
        let text = read(it);
        let (start, end) = (text.find("\nglobal:").unwrap(), text.find("\nreceivers:").unwrap());
        text[start..end].to_owned()
    });

    assert_eq!(shipped, local);
}

#[test]
fn every_cause_has_a_dashboard() {
    let alerts = alerts().unwrap();
    let causes = alerts.iter().flatten().filter_map(|it| it.strip_prefix("cause="));
    let mut dashboards = BTreeMap::<String, Vec<&str>>::new();
    for cause in causes {
        let data = json!({ "commonLabels": { "cause": cause } });
        let dashboard = render("stagelight.dashboard.name", &data);
        let causes = dashboards.entry(dashboard).or_default();
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    for dashboard in dashboards.keys() {
        let file = Workspace::find().path(format!("grafana/dashboards/{dashboard}.json"));
        assert!(file.is_file(), "{} is missing", file.display());
    }
    dashboards.values_mut().for_each(|it| it.sort_unstable());
    expect_test::expect![[r#"
        {
          "host-and-process": [
            "cpu",
            "disk",
            "memory"
          ],
          "pipeline": [
            "cardinality",
            "collector",
            "configuration",
            "delivery",
            "ingestion",
            "measurements",
            "notification",
            "prometheus",
            "queue",
            "refusal",
            "rules",
            "spans",
            "telemetry"
          ],
          "service-overview": [
            "availability",
            "backend_errors",
            "errors",
            "latency"
          ],
          "slo": [
            "error_budget"
          ],
          "stage-breakdown": [
            "backend_ttfb",
            "frontend"
          ],
          "streaming": [
            "cancellation",
            "streaming"
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&dashboards).unwrap());
}

#[test]
fn a_message_has_summary_labels_times_and_links() {
    expect_test::expect![[r#"
        WARNING: SlowStreams on llm-gateway (2)
        ---
        Streams of halcyon a are slow
        5 of 100 streams last 2.8s or longer (limit 2.5 s).
        job: llm-gateway
        model: a
        provider: halcyon
        Since 2026-01-02 03:04:05 UTC

        Streams of halcyon b are slow
        5 of 100 streams last 2.8s or longer (limit 2.5 s).
        job: llm-gateway
        model: b
        provider: halcyon
        Since 2026-01-02 03:04:05 UTC

        Runbook: https://example.com/runbooks/SlowStreams.md
        Dashboard: http://127.0.0.1:3000/d/stagelight-streaming
          ?from=1767322145000&to=now&var-job=llm-gateway&var-provider=halcyon
        ---
        warning
        ---
        https://example.com/runbooks/SlowStreams.md
        ---
        https://alertmanager.example.com/#/silences/new
          ?filter=%7Balertname%3D%22SlowStreams%22%2Cjob%3D%22llm-gateway%22%7D"#]]
    .assert_eq(&message("firing"));
}

#[test]
fn a_resolved_message_has_the_end_times() {
    let message = message("resolved");

    assert!(message.starts_with("RESOLVED: SlowStreams on llm-gateway\n---\n"), "{message}");
    assert!(message.contains("Resolved: Streams of halcyon a are slow"), "{message}");
    let times = "Since 2026-01-02 03:04:05 UTC, until 03:24:05 UTC";
    assert_eq!(message.matches(times).count(), 2, "{message}");
    assert!(message.contains("---\ngood\n---"), "{message}");
}

/// Renders all parts of a message about two alerts of one group, with a line break in each URL.
fn message(status: &str) -> String {
    let data = json!({
        "status": status,
        "externalURL": "https://alertmanager.example.com",
        "groupLabels": { "alertname": "SlowStreams", "job": "llm-gateway" },
        "commonLabels": {
            "alertname": "SlowStreams", "severity": "warning", "job": "llm-gateway",
            "cause": "streaming", "provider": "halcyon",
        },
        "alerts": [alert("a", status), alert("b", status)],
    });
    let names = ["title", "text", "color", "runbook", "silence"];
    let parts = names.map(|it| render(&format!("stagelight.{it}"), &data));
    parts.join("\n---\n").replace('?', "\n  ?")
}

fn alert(model: &str, status: &str) -> Value {
    json!({
        "status": status,
        "labels": {
            "alertname": "SlowStreams", "severity": "warning", "team": "platform",
            "cause": "streaming", "job": "llm-gateway", "provider": "halcyon", "model": model,
        },
        "annotations": {
            "summary": format!("Streams of halcyon {model} are slow"),
            "description": "5 of 100 streams last 2.8s or longer (limit 2.5 s).",
            "runbook_url": "https://example.com/runbooks/SlowStreams.md",
        },
        "startsAt": "2026-01-02T03:04:05Z",
        "endsAt": "2026-01-02T03:24:05Z",
    })
}

/// Renders a shipped template with amtool.
#[track_caller]
fn render(template: &str, data: &Value) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("data.json");
    fs::write(&file, data.to_string()).unwrap();
    let templates = Workspace::find().path("collector/alertmanager/templates/*.tmpl");
    let mut command = Command::new(Amtool::find_or_build().unwrap().program);
    command
        .args(["template", "render", "--template.glob"])
        .arg(templates)
        .arg("--template.data")
        .arg(file)
        .arg("--template.text")
        .arg(format!("{{{{ template {template:?} . }}}}"));
    output(&mut command).unwrap()
}
