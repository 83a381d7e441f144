use serde_json::json;

use super::*;

fn dashboard() -> Value {
    json!({
        "uid": "u",
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}},
            {"name": "job", "query": {"query": "label_values(up{a=~\"b,c\"}, job)"}, "allValue": ".+"},
            {"name": "offset", "query": "1h,2h", "current": {"value": "1h"}},
        ]},
        "annotations": {"list": [
            {"name": "built in"},
            {"name": "alerts", "target": {"expr": "ALERTS"}, "titleFormat": "{{alertname}}", "textFormat": "x"},
        ]},
        "panels": [
            {"type": "row", "panels": [{
                "type": "table",
                "title": "inside",
                "targets": [
                    {"refId": "A", "expr": "a", "legendFormat": "{{le}}", "format": "table", "instant": true},
                    {"refId": "B", "expr": "b", "exemplar": true},
                ],
                "fieldConfig": {"defaults": {"unit": "s"}, "overrides": [
                    {"matcher": {"id": "byFrameRefID", "options": "B"}, "properties": [{"id": "unit", "value": "percent"}]},
                ]},
            }]},
        ],
    })
}

#[test]
fn every_query_is_found_with_its_place() {
    let found = queries(&dashboard());

    let exprs: Vec<_> = found.iter().map(|it| it.expr.as_str()).collect();
    assert_eq!(exprs, ["up{a=~\"b,c\"}", "ALERTS", "a", "b"]);
    assert!(found.iter().all(|it| it.dashboard == "u"));
    assert_eq!(found[0].place, Place::Variable { name: "job".to_owned(), label: "job".to_owned() });
    let Place::Panel { unit, is_instant, has_exemplars, ref_id, .. } = &found[3].place else {
        panic!("{:?}", found[3].place)
    };
    assert_eq!(
        (unit.as_str(), ref_id.as_str(), *is_instant, *has_exemplars),
        ("percent", "B", false, true)
    );
    let Place::Panel { unit, format, is_instant, .. } = &found[2].place else {
        panic!("{:?}", found[2].place)
    };
    assert_eq!((unit.as_str(), format.as_str(), *is_instant), ("s", "table", true));
}

#[test]
fn variables_are_put_in_whatever_way_they_are_written() {
    let variables =
        Variables::of(&dashboard(), Duration::from_secs(90), Duration::from_millis(1500));

    let text = "x{job=~\"$job\", i=\"${job:regex}\"}[$__rate_interval] offset ${offset} [$__range]$__range_s \"$1\"";
    assert_eq!(
        variables.substitute(text).unwrap(),
        "x{job=~\".+\", i=\".+\"}[1500ms] offset 1h [90s]90 \"$1\""
    );
}

#[test]
fn an_unknown_variable_is_an_error_that_lists_the_known_ones() {
    let error = Variables::default().with("job", "a").substitute("x{job=\"$jobs\"}").unwrap_err();

    assert_eq!(error.to_string(), "no value for the variable $jobs; there are job");
}
