//! Configurations in which time runs faster, so that a test can wait for an alert.

use std::time::Duration;

use anyhow::{Context as _, Result};
use regex_lite::{Captures, Regex};

/// Shorter than this, a rate finds too few samples and Alertmanager does nothing but wake up.
const SHORTEST: Duration = Duration::from_secs(1);

/// Where durations are in rule files and Alertmanager's configuration: what is before one (1), one
/// (2), and what is after it (3). Names such as `rate5m` are none, wherever they are.
const DURATIONS: [&str; 4] = [
    // The value of a key.
    r"(?m)(^[ \t-]*(?:for|keep_firing_for|interval|group_wait|group_interval|repeat_interval):[ \t]+)([0-9][0-9a-z]*)([ \t]*(?:#.*)?$)",
    // A range or a subquery's range.
    r"(\[)([0-9][0-9a-z]*)(\]|:)",
    // A subquery's step.
    r"(\[[0-9a-z]+:)([0-9][0-9a-z]*)(\])",
    r"(\boffset[ \t]+-?)([0-9][0-9a-z]*)(\b)",
];

/// Divides the durations in a rule file or Alertmanager's configuration by `speed`.
///
/// # Errors
///
/// When something that has to be a duration is none.
pub(crate) fn faster(text: &str, speed: u32) -> Result<String> {
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

/// Divides one duration, but never below the shortest, nor at all if it is that short already.
fn shorten(duration: &str, speed: u32) -> Result<String> {
    let shipped = humantime::parse_duration(duration)
        .with_context(|| format!("{duration:?} is no duration such as 5m or 1h30m"))?;
    let shortened = shipped / speed.max(1);
    Ok(format!("{}ms", shortened.max(SHORTEST.min(shipped)).as_millis()))
}

#[cfg(test)]
mod tests;
