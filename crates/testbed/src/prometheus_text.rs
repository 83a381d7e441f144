//! Parses Prometheus' text format.
//!
//! The crates for this drop series of unknown type or need regex and chrono.

use std::collections::BTreeMap;

/// The value of one series.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// The labels, by name.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// Returns the samples of a page, in its order; comments are skipped.
///
/// # Errors
///
/// Returns the first line that is not a sample.
pub fn parse(page: &str) -> Result<Vec<Sample>, &str> {
    let lines = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| Sample::parse(line).ok_or(line)).collect()
}

// === impl Sample ===

impl Sample {
    /// Returns a label's value, empty if the series does not have the label.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    fn parse(line: &str) -> Option<Self> {
        let name_end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, after) = rest.trim_start_matches(',').split_once("=\"")?;
                let (value, after) = unquote(after)?;
                labels.insert(label.to_owned(), value);
                rest = after;
            }
            rest = &rest[1..];
        }
        let value = rest.strip_prefix(' ')?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }
}

/// Reads to the closing quote. Returns the unescaped value and the text after the quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped => escaped,
            }),
            char => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_values_are_parsed() {
        let samples =
            parse("# HELP a b\na{x=\"1\",y=\"q\\\"\\\\\\n}\"} 2\nb 0.5\nc{} +Inf\n").unwrap();

        assert_eq!(samples[0].label("x"), "1");
        assert_eq!(samples[0].label("y"), "q\"\\\n}");
        let values: Vec<_> = samples.iter().map(|it| (it.name.as_str(), it.value)).collect();
        assert_eq!(values, [("a", 2.0), ("b", 0.5), ("c", f64::INFINITY)]);
        assert_eq!(parse("a 1\na{x=\"1} 2"), Err("a{x=\"1} 2"));
    }
}
