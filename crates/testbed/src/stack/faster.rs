//! Shortens the durations of configurations, so that tests can wait for alerts.

use std::time::Duration;

use anyhow::{Context as _, Result};
use regex_lite::{Captures, Regex};

/// Lower limit: below it, rates find too few samples and Alertmanager is always busy.
const SHORTEST: Duration = Duration::from_secs(1);

/// Durations in rule files and Alertmanager's configuration: the text before one (1), the duration
/// (2) and the text after it (3). Names such as `rate5m` do not match.
const DURATIONS: [&str; 4] = [
    // The value of a key.
    concat!(
        r"(?m)(^[ \t-]*(?:for|keep_firing_for|interval|group_wait|group_interval|repeat_interval)",
        r":[ \t]+)([0-9][0-9a-z]*)([ \t]*(?:#.*)?$)"
    ),
    // A range, also of a subquery.
    r"(\[)([0-9][0-9a-z]*)(\]|:)",
    // A subquery's step.
    r"(\[[0-9a-z]+:)([0-9][0-9a-z]*)(\])",
    r"(\boffset[ \t]+-?)([0-9][0-9a-z]*)(\b)",
];

/// Divides the durations in a rule file or Alertmanager's configuration by `speed`.
///
/// # Errors
///
/// If a value that must be a duration is not.
pub(super) fn faster(text: &str, speed: u32) -> Result<String> {
    let mut text = text.to_owned();
    for pattern in DURATIONS {
        let mut problem = None;
        let replaced = Regex::new(pattern)?.replace_all(&text, |found: &Captures<'_>| {
            let shortened = shorten(&found[2], speed).unwrap_or_else(|error| {
                problem = Some(error);
                String::new()
            });
            format!("{}{shortened}{}", &found[1], &found[3])
        });
        let replaced = replaced.into_owned();
        if let Some(error) = problem {
            return Err(error);
        }
        text = replaced;
    }
    Ok(text)
}

/// Divides one duration; one below the limit stays, any other stops at it.
fn shorten(duration: &str, speed: u32) -> Result<String> {
    let shipped = humantime::parse_duration(duration)
        .with_context(|| format!("{duration:?} is not a duration such as 5m or 1h30m"))?;
    let shortened = shipped / speed.max(1);
    Ok(format!("{}ms", shortened.max(SHORTEST.min(shipped)).as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shipped: &str, expected: &str) {
        assert_eq!(faster(shipped, 30).unwrap(), expected);
    }

    #[test]
    fn durations_are_divided_down_to_a_second() {
        check("  - alert: A\n    for: 5m\n", "  - alert: A\n    for: 10000ms\n");
        check("    keep_firing_for: 1h30m # why\n", "    keep_firing_for: 180000ms # why\n");
        check("  group_wait: 5m\n  interval: 4h", "  group_wait: 10000ms\n  interval: 480000ms");
        check("max_over_time(x[1h:1m])", "max_over_time(x[120000ms:2000ms])");
        check("max_over_time(x[1h:])", "max_over_time(x[120000ms:])");
        check("x offset 1d", "x offset 2880000ms");
        check("for: 10s", "for: 1000ms");
        check("for: 500ms", "for: 500ms");
        check("for: 0s", "for: 0ms");
    }

    #[test]
    fn names_and_prose_are_not_changed() {
        for text in [
            "expr: job:x:rate5m > 3.0",
            "record: otelcol:receiver_accepted:rate5m",
            "description: slow for 5m",
            "summary: for: 5m or so",
            "x{le=\"5m\"} > 300",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn an_unknown_unit_is_an_error() {
        let error = faster("for: 5parsecs", 30).unwrap_err();
        assert_eq!(error.to_string(), "\"5parsecs\" is not a duration such as 5m or 1h30m");
    }
}
