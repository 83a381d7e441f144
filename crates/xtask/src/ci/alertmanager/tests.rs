use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

mod inhibition;

const SHIPPED: &str = CONFIGURATIONS[0];

fn amtool() -> Amtool {
    Amtool::find_or_build(&Workspace::find()).unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(Workspace::find().path(path)).unwrap()
}

fn shipped_alerts() -> Vec<Vec<String>> {
    alerts(&Workspace::find().path(RULES)).unwrap()
}

/// Puts a changed configuration where its templates are found.
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
fn the_shipped_files_are_in_order() {
    check(&Workspace::find()).unwrap();
}

#[test]
fn all_severities_and_causes_of_the_rules_are_read() {
    let alerts = shipped_alerts();

    assert!(40 < alerts.len(), "{alerts:?}");
    for severity in ["critical", "warning", "info"] {
        let label = format!("severity={severity}");
        assert!(alerts.iter().any(|it| it.contains(&label)), "no alert has {label}");
    }
    let critical = alerts.iter().find(|it| it[0] == "alertname=CriticalBackendTTFB").unwrap();
    assert_eq!(critical[1..], ["severity=critical", "team=platform", "cause=backend_ttfb"]);
}

#[test]
fn a_route_that_nobody_takes_any_more_is_found() {
    let text = read(SHIPPED).replace("[severity=\"critical\"]\n", "[severity=\"crit\"]\n");
    let (_folder, file) = changed(&text);

    let error = check_routes(&amtool(), &file, &shipped_alerts()).unwrap_err().to_string();

    assert!(error.contains("are told \"webhook,chat\" instead of \"webhook,page\""), "{error}");
}

#[test]
fn an_alert_that_gets_lost_is_found() {
    let text = read(SHIPPED);
    let catch_all = "    - receiver: chat\n\n";
    assert!(text.contains(catch_all));
    let (_folder, file) = changed(&text.replace(catch_all, "\n"));

    let error = check_routes(&amtool(), &file, &[]).unwrap_err().to_string();

    assert!(error.contains("the labels []"), "{error}");
}

#[test]
fn the_readme_shows_how_a_team_gets_alerts_of_its_own() {
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

    amtool().check_config(&file).unwrap();
    let told = |labels: &[&str]| {
        let labels: Vec<_> = labels.iter().map(|&it| it.to_owned()).collect();
        amtool().told(&file, &labels).unwrap()
    };
    assert_eq!(told(&["team=payments", "severity=critical"]), "webhook,payments-mail");
    assert_eq!(told(&["team=payments", "severity=warning"]), "webhook,payments-chat");
    assert_eq!(told(&["team=platform", "severity=critical"]), "webhook,page");
}

#[test]
fn the_local_file_differs_by_who_is_told_only() {
    let [shipped, local] = CONFIGURATIONS.map(|it| {
        let text = read(it);
        let (start, end) = (text.find("\nglobal:").unwrap(), text.find("\nreceivers:").unwrap());
        text[start..end].to_owned()
    });

    assert_eq!(shipped, local);
}

#[test]
fn every_cause_has_a_dashboard() {
    let alerts = shipped_alerts();
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
        assert!(file.is_file(), "{} is not there", file.display());
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
fn a_message_says_what_where_how_much_and_what_to_do() {
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
        Dashboard: http://127.0.0.1:3000/d/stagelight-streaming?from=1767322145000&to=now&var-job=llm-gateway&var-provider=halcyon
        ---
        warning
        ---
        https://example.com/runbooks/SlowStreams.md
        ---
        https://alertmanager.example.com/#/silences/new?filter=%7Balertname%3D%22SlowStreams%22%2Cjob%3D%22llm-gateway%22%7D"#]].assert_eq(&message("firing"));
}

#[test]
fn a_message_says_that_it_is_over() {
    expect_test::expect![[r#"
        RESOLVED: SlowStreams on llm-gateway
        ---
        Resolved: Streams of halcyon a are slow
        5 of 100 streams last 2.8s or longer (limit 2.5 s).
        job: llm-gateway
        model: a
        provider: halcyon
        Since 2026-01-02 03:04:05 UTC, until 03:24:05 UTC

        Resolved: Streams of halcyon b are slow
        5 of 100 streams last 2.8s or longer (limit 2.5 s).
        job: llm-gateway
        model: b
        provider: halcyon
        Since 2026-01-02 03:04:05 UTC, until 03:24:05 UTC

        Runbook: https://example.com/runbooks/SlowStreams.md
        Dashboard: http://127.0.0.1:3000/d/stagelight-streaming?from=1767322145000&to=now&var-job=llm-gateway&var-provider=halcyon
        ---
        good
        ---
        https://example.com/runbooks/SlowStreams.md
        ---
        https://alertmanager.example.com/#/silences/new?filter=%7Balertname%3D%22SlowStreams%22%2Cjob%3D%22llm-gateway%22%7D"#]].assert_eq(&message("resolved"));
}

/// Renders all that is said of two alerts in one group.
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
    names.map(|it| render(&format!("stagelight.{it}"), &data)).join("\n---\n")
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

/// Has Alertmanager's own renderer fill a shipped template in.
#[track_caller]
fn render(template: &str, data: &Value) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("data.json");
    fs::write(&file, data.to_string()).unwrap();
    let templates = Workspace::find().path("collector/alertmanager/templates/*.tmpl");
    let mut command = Command::new(amtool().program);
    command
        .args(["template", "render", "--template.glob"])
        .arg(templates)
        .arg("--template.data")
        .arg(file)
        .arg("--template.text")
        .arg(format!("{{{{ template {template:?} . }}}}"));
    output(&mut command).unwrap()
}
