//! Renders the catalogue as the table in docs/metrics.md.

use super::entry::Entry;

const HEAD: &str = "\
| OpenTelemetry (unit) | Prometheus | kind | attributes | buckets | meaning |
|---|---|---|---|---|---|
";

pub(super) fn render(entries: &[Entry]) -> String {
    let rows = entries.iter().map(row);
    HEAD.to_owned() + &rows.collect::<String>()
}

fn row(entry: &Entry) -> String {
    let unit = if entry.unit.is_empty() { String::new() } else { format!(" ({})", entry.unit) };
    let attributes = or_dash(entry.attributes.join(", "));
    let buckets = or_dash(entry.bounds().join(" "));
    format!(
        "| `{}`{unit} | `{}` | {} | {attributes} | {buckets} | {} |\n",
        entry.name,
        entry.prometheus_name,
        entry.kind,
        // The cell separator.
        entry.help.replace('|', r"\|"),
    )
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}
