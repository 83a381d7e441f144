//! Renders the catalogue for a terminal: a paragraph for each metric, since rows would be too wide.

use super::entry::Entry;

/// Width of a line.
const COLUMNS: usize = 100;
/// Width of the captions.
const CAPTION: usize = 14;

pub(super) fn render(entries: &[Entry]) -> String {
    let paragraphs: Vec<_> = entries.iter().map(paragraph).collect();
    paragraphs.join("\n")
}

fn paragraph(entry: &Entry) -> String {
    let unit = if entry.unit.is_empty() { "no unit" } else { &entry.unit };
    let mut paragraph = format!("{} ({unit}, {})\n", entry.name, entry.kind);
    paragraph.push_str(&field("Prometheus", entry.prometheus_name));
    paragraph.push_str(&field("attributes", &entry.attributes.join(", ")));
    paragraph.push_str(&field("buckets", &entry.bounds().join(" ")));
    paragraph.push_str(&field("meaning", entry.help));
    paragraph
}

/// Formats a caption and its text, wrapped; empty without text.
fn field(caption: &str, text: &str) -> String {
    let mut field = String::new();
    let mut line = format!("  {caption:<width$}", width = CAPTION - 2);
    for word in text.split(' ').filter(|it| !it.is_empty()) {
        let needed = line.chars().count() + word.chars().count();
        if COLUMNS < needed {
            field.push_str(line.trim_end());
            field.push('\n');
            line = " ".repeat(CAPTION);
        }
        line.push_str(word);
        line.push(' ');
    }
    if !text.is_empty() {
        field.push_str(line.trim_end());
        field.push('\n');
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_under_its_caption() {
        let text = format!("{} {} end", "a".repeat(60), "b".repeat(30));
        let expected =
            format!("  meaning     {}\n              {} end\n", "a".repeat(60), "b".repeat(30));
        assert_eq!(field("meaning", &text), expected);
    }

    #[test]
    fn a_field_without_text_is_omitted() {
        assert_eq!(field("buckets", ""), "");
    }
}
