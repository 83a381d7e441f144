//! Rules on variables.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Sheet;

pub(super) fn datasource(sheet: &Sheet<'_>) -> Vec<String> {
    let has = sheet.variables().any(|it| {
        it["name"] == "datasource" && it["type"] == "datasource" && it["query"] == "prometheus"
    });
    let mut findings = Vec::new();
    if !has {
        findings.push("no variable \"datasource\" of type datasource, for prometheus".to_owned());
    }
    let others = queries(sheet).filter(|it| it["datasource"]["uid"] != "${datasource}");
    findings.extend(
        others.map(|it| format!("{} asks another data source than ${{datasource}}", it["name"])),
    );
    findings
}

pub(super) fn many_values(sheet: &Sheet<'_>) -> Vec<String> {
    let is_good = |it: &&Value| {
        it["multi"] == true
            && it["includeAll"] == true
            && it["allValue"].as_str().is_some_and(|it| !it.is_empty())
    };
    queries(sheet)
        .filter(|it| !is_good(it))
        .map(|it| format!("{} has to allow several values and all, with an allValue", it["name"]))
        .collect()
}

pub(super) fn time_range(sheet: &Sheet<'_>) -> Vec<String> {
    queries(sheet)
        .filter(|it| it["refresh"] != 2)
        .map(|it| {
            format!("{} has to be asked again when the time range changes: refresh 2", it["name"])
        })
        .collect()
}

pub(super) fn label(sheet: &Sheet<'_>) -> Vec<String> {
    sheet
        .variables()
        .filter(|it| it["label"].as_str().is_none_or(str::is_empty))
        .map(|it| format!("{} has no label", it["name"]))
        .collect()
}

/// Whatever is used has to be there.
pub(super) fn known(sheet: &Sheet<'_>) -> Vec<String> {
    let unknown = sheet.queries().into_iter().filter_map(|it| {
        Some(format!("{}: {}", it.place_name(), sheet.variables.substitute(&it.expr).err()?))
    });
    unknown.collect()
}

/// Whatever is there has to be used.
pub(super) fn used(sheet: &Sheet<'_>) -> Vec<String> {
    let names: BTreeSet<_> = sheet.variables().filter_map(|it| it["name"].as_str()).collect();
    let text = sheet.dashboard.to_string();
    let is_used = |name: &str| {
        let plain = format!("${name}");
        let end = |it: &str| it.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_');
        text.contains(&format!("${{{name}}}"))
            || text.contains(&format!("${{{name}:"))
            || text.split(&plain).skip(1).any(|rest| !end(rest))
    };
    names.into_iter().filter(|it| !is_used(it)).map(|it| format!("nothing uses ${it}")).collect()
}

fn queries<'a>(sheet: &'a Sheet<'_>) -> impl Iterator<Item = &'a Value> {
    sheet.variables().filter(|it| it["type"] == "query")
}
