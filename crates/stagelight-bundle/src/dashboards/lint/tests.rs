use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use serde_json::json;
use stagelight_core::catalog::{self, Label};

use super::*;
use crate::dashboards::{
    all,
    dashboard::{Dashboard, Row},
    panel::{Panel, View},
    query::Series,
    unit::Unit,
    variable::Variable,
};

static NAMES: LazyLock<Names> = LazyLock::new(|| Names::read(&root()).unwrap());

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Lines at `/panels/1`, a table at `/panels/2`, a heatmap in a closed row at `/panels/3/panels/0`.
fn sample() -> Value {
    let requests = || Series::of(&catalog::REQUEST, 0);
    let panel = |view, title| Panel::new(view, title, Unit::Seconds, "No request").about("Says.");
    let by = [Label::Endpoint];
    let dashboard = Dashboard {
        uid: "stagelight-sample",
        title: "Sample",
        description: "For mistakes.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::job(),
            Variable::instance(),
            Variable::endpoint(),
        ],
        rows: vec![
            Row::open(
                "First",
                vec![
                    panel(View::Lines, "Lines")
                        .quantile(requests().quantile(0.95, &by), "{{endpoint}}")
                        .limits(1.0, 2.0),
                    panel(View::Table, "Table")
                        .query(requests().over_range().rate(&by), "")
                        .column("endpoint", "Endpoint"),
                ],
            ),
            Row::collapsed(
                "Second",
                vec![panel(View::Heatmap, "Heat").query(requests().heatmap(), "{{le}}")],
            ),
        ],
        from: "now-1h",
    };
    dashboard.to_json()
}

/// Where a mistake is made, and what stands there then; `null` removes it.
type Mutant = (&'static str, &'static str, fn() -> Value);

const LINES: &str = "/panels/1/targets/0/expr";

/// At least one mistake for each rule.
const MUTANTS: &[Mutant] = &[
    ("uid", "/uid", || json!("sample")),
    ("title-description", "/description", || json!("")),
    ("schema-version", "/schemaVersion", || json!(39)),
    ("uneditable", "/editable", || json!(true)),
    ("shared-tooltip", "/graphTooltip", || json!(0)),
    ("links", "/links/0/tags", || json!(["other"])),
    ("links", "/links/0/keepTime", || json!(false)),
    ("annotations", "/annotations/list/1/target/expr", || json!("up")),
    ("annotations", "/annotations/list/2/target/expr", || json!("up")),
    ("annotations", "/annotations/list/2/datasource/uid", || json!("prometheus")),
    ("first-row-open", "/panels/0/collapsed", || json!(true)),
    ("first-row-open", "/panels/3/collapsed", || json!(false)),
    ("datasource-variable", "/templating/list/0/query", || json!("loki")),
    ("datasource-variable", "/templating/list/1/datasource/uid", || json!("prometheus")),
    ("variable-many-values", "/templating/list/1/multi", || json!(false)),
    ("variable-many-values", "/templating/list/1/allValue", || json!("")),
    ("variable-time-range", "/templating/list/1/refresh", || json!(1)),
    ("variable-label", "/templating/list/1/label", || json!("")),
    ("variable-known", LINES, || json!("up{job=~\"$jobs\"}")),
    ("variable-used", "/templating/list/3/name", || json!("end")),
    ("panel-title-description", "/panels/1/description", || json!(" ")),
    ("panel-unit", "/panels/3/panels/0/fieldConfig/defaults/unit", || json!("")),
    ("panel-no-value", "/panels/1/fieldConfig/defaults/noValue", || json!("")),
    ("panel-min", "/panels/1/fieldConfig/defaults/min", || json!(null)),
    ("panel-thresholds", "/panels/1/fieldConfig/defaults/thresholds/steps", || json!([])),
    ("panel-thresholds", "/panels/1/fieldConfig/defaults/thresholds/steps/1/value", || json!(9)),
    ("panel-legend", "/panels/1/options/legend/calcs", || json!([])),
    ("panel-datasource", "/panels/1/targets/0/datasource/uid", || json!("abc")),
    ("panel-targets", "/panels/1/targets", || json!([])),
    ("panel-targets", "/panels/1/targets", || json!([{"refId": "A"}, {"refId": "A"}])),
    ("panel-ids", "/panels/3/panels/0/id", || json!(2)),
    ("panel-grid", "/panels/2/gridPos/x", || json!(11)),
    ("panel-grid", "/panels/2/gridPos/x", || json!(13)),
    ("panel-links", "/panels/1/links", || json!([{"title": "a", "url": "/d/gone?a"}])),
    ("panel-links", "/panels/1/links", || json!([{"title": "a", "url": "http://localhost:3000/"}])),
    (
        "panel-links",
        "/panels/1/links",
        || json!([{"title": "a", "url": "https://a/collector/runbooks/NoSuchAlert.md"}]),
    ),
    ("query-syntax", LINES, || json!("sum by (endpoint) (rate(")),
    ("query-metric", LINES, || json!("sum by (endpoint) (request_durations)")),
    ("query-metric", LINES, || json!("otelcol_exporter_queue_size")),
    ("query-label", LINES, || json!("stage_percentage{stages=\"a\"}")),
    ("query-job-instance", LINES, || json!("stage_percentage{job=~\"$job\"}")),
    ("query-counter", LINES, || json!("stagelight_dropped_total")),
    ("query-counter", LINES, || json!("sum(request_duration_seconds_count)")),
    ("query-window", LINES, || json!("rate(stagelight_dropped_total[5m])")),
    ("query-window", LINES, || json!("rate(stagelight_dropped_total[$__interval])")),
    ("query-le", LINES, || json!("rate(request_duration_seconds_bucket{le=\"1\"}[$__range])")),
    ("query-exemplars", "/panels/1/targets/0/exemplar", || json!(false)),
    ("query-exemplars", "/panels/3/panels/0/targets/0/exemplar", || json!(false)),
    ("query-legend", "/panels/1/targets/0/legendFormat", || json!("{{stage}}")),
    ("query-legend", "/panels/1/targets/0/legendFormat", || json!("")),
    ("query-legend", "/panels/2/targets/0/instant", || json!(false)),
    ("query-legend", "/panels/2/transformations/1/options/include/names/0", || json!("route")),
    ("query-native", LINES, || json!("rate(request_duration_seconds_count[$__range])")),
];

#[test]
fn every_shipped_dashboard_holds_every_rule() {
    let findings: Vec<_> = all()
        .iter()
        .flat_map(|file| {
            lint(&file.json, &NAMES).into_iter().map(|it| format!("{}: {it}", file.name))
        })
        .collect();

    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_rule_finds_the_mistakes_made_for_it() {
    assert_eq!(lint(&sample(), &NAMES), []);

    for (rule, pointer, value) in MUTANTS {
        let mut mutant = sample();
        let place = mutant.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
        *place = value();

        let found: BTreeSet<_> = lint(&mutant, &NAMES).iter().map(|it| it.rule).collect();

        assert!(found.contains(rule), "{rule} is silent about {pointer}: {found:?}");
    }
}

#[test]
fn there_is_a_mistake_for_every_rule() {
    let tried: BTreeSet<_> = MUTANTS.iter().map(|it| it.0).collect();

    assert_eq!(tried, rule_names().into_iter().collect());
}

#[track_caller]
fn has_labels(query: &str, expected: &[&str]) {
    let expr = promql_parser::parser::parse(query).unwrap();
    let found = labels::of(&expr, &NAMES);
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{query}");
}

#[test]
fn the_labels_of_a_query_are_those_that_prometheus_gives() {
    has_labels("sum(stage_percentage)", &[]);
    has_labels("sum by (stage, nothing) (stage_percentage)", &["stage"]);
    has_labels("max without (instance, le) (slo:sli_total:rate5m)", &["job", "slo"]);
    has_labels("topk(3, sum by (job) (up))", &["job"]);
    has_labels(
        "histogram_quantile(0.9, sum by (le, endpoint) (rate(request_duration_seconds_bucket[1m])))",
        &["endpoint"],
    );
    has_labels("sum by (job) (up) / on () group_left () sum(up)", &["job"]);
    has_labels("sum by (job, instance) (up) / on (job) sum by (job) (up)", &["job"]);
    has_labels("1 - sum by (job) (up) > 0", &["job"]);
    has_labels("sum by (job) (up) or sum by (instance) (up)", &["instance", "job"]);
    has_labels("sum by (job) (up) unless sum by (instance) (up)", &["job"]);
    has_labels("label_replace(sum(up), \"a\", \"$1\", \"b\", \"(.*)\")", &["a"]);
    has_labels("vector(1) + time()", &[]);
    has_labels("nobody_makes_this", &[]);
}

#[test]
fn recorded_series_have_the_labels_of_their_rules() {
    has_labels("otelcol:exporter_queue:ratio", &["data_type", "exporter", "instance", "job"]);
    has_labels("slo:burn_rate:ratio1h", &["job", "slo"]);
}

#[test]
fn metrics_of_the_machine_are_those_that_the_collector_documents() {
    let readme = fs::read_to_string(root().join("collector/README.md")).unwrap();
    let of_machine = foreign::all().map(|it| it.0).filter(|it| it.starts_with("system_"));
    let unknown: Vec<_> = of_machine.filter(|it| !readme.contains(&format!("`{it}`"))).collect();

    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_foreign_metric_is_asked_for() {
    let text: String = all().iter().map(|it| it.json.to_string()).collect();
    let unused: Vec<_> = foreign::all().map(|it| it.0).filter(|it| !text.contains(it)).collect();

    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn the_bound_of_the_latency_objective_is_that_of_its_rule() {
    let rule = root().join("collector/prometheus/rules/slo.recording.yaml");
    let bound = format!(r#"le=~"{}([.]0)?""#, crate::dashboards::limits::SLO_LATENCY_SECS);

    assert!(fs::read_to_string(rule).unwrap().contains(&bound), "{bound}");
}
