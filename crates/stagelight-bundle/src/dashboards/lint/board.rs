//! Rules on a dashboard as a whole.

use super::Sheet;

/// Returns the message unless what has to be is.
fn unless(holds: bool, message: &str) -> Vec<String> {
    if holds { Vec::new() } else { vec![message.to_owned()] }
}

pub(super) fn uid(sheet: &Sheet<'_>) -> Vec<String> {
    let uid = sheet.dashboard["uid"].as_str().unwrap_or_default();
    // 40 is Grafana's limit.
    let is_good = uid.starts_with("stagelight-") && uid.len() <= 40;
    unless(
        is_good,
        &format!(
            "uid is {uid:?}; it has to begin with \"stagelight-\" and have at most 40 characters"
        ),
    )
}

pub(super) fn title_and_description(sheet: &Sheet<'_>) -> Vec<String> {
    let missing = ["title", "description"]
        .into_iter()
        .filter(|it| sheet.dashboard[it].as_str().is_none_or(str::is_empty));
    missing.map(|it| format!("no {it}")).collect()
}

pub(super) fn schema_version(sheet: &Sheet<'_>) -> Vec<String> {
    unless(
        sheet.dashboard["schemaVersion"] == 42,
        "schemaVersion is not 42: Grafana 12 and 13 read that one",
    )
}

pub(super) fn uneditable(sheet: &Sheet<'_>) -> Vec<String> {
    unless(
        sheet.dashboard["editable"] == false,
        "editable is not false: changes in the browser would be lost",
    )
}

pub(super) fn shared_tooltip(sheet: &Sheet<'_>) -> Vec<String> {
    unless(
        sheet.dashboard["graphTooltip"] == 1,
        "graphTooltip is not 1: the crosshair has to be shared",
    )
}

pub(super) fn links(sheet: &Sheet<'_>) -> Vec<String> {
    let tags = &sheet.dashboard["tags"];
    let has_link = sheet.list("links").any(|it| {
        it["type"] == "dashboards"
            && it["tags"] == *tags
            && it["keepTime"] == true
            && it["includeVars"] == true
    });
    unless(has_link, "no link to the other dashboards by tag that keeps time range and variables")
}

pub(super) fn annotations(sheet: &Sheet<'_>) -> Vec<String> {
    let queries: Vec<_> =
        sheet.annotations().filter_map(|it| it["target"]["expr"].as_str()).collect();
    let has = |part: &str| queries.iter().any(|it| it.contains(part));
    let alerts = unless(has("ALERTS{alertstate=\"firing\""), "no annotation for firing alerts");
    let versions = unless(has("service_version"), "no annotation for new versions");
    let datasources = sheet
        .annotations()
        .filter(|it| it["builtIn"] != 1 && it["datasource"]["uid"] != "${datasource}")
        .map(|it| {
            format!("the annotation {} has another data source than ${{datasource}}", it["name"])
        });
    alerts.into_iter().chain(versions).chain(datasources).collect()
}

pub(super) fn first_row_open(sheet: &Sheet<'_>) -> Vec<String> {
    let rows: Vec<_> = sheet.list("panels").filter(|it| it["type"] == "row").collect();
    let is_open = rows.first().is_some_and(|it| it["collapsed"] == false);
    let closed = rows.iter().filter(|it| it["collapsed"] == true).count();
    let mut findings = unless(is_open, "the first row is closed: nothing is seen at first");
    findings.extend(unless(0 < closed, "no row is closed: everything is asked for at once"));
    findings
}
