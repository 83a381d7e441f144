//! The possible Prometheus names of the catalogue's metrics.

use stagelight_core::catalog::{self, Family, Instrument, Metric};

use crate::catalog::families;

/// A value of Prometheus' `otlp.translation_strategy`, with an example name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// `request_stage_duration_seconds`, as in the catalogue, the rules and the dashboards.
    UnderscoreEscapingWithSuffixes,
    /// `request.stage.duration_seconds`.
    NoUtf8EscapingWithSuffixes,
    /// `request_stage_duration`.
    UnderscoreEscapingWithoutSuffixes,
    /// `request.stage.duration`.
    NoTranslation,
}

// === impl Strategy ===

impl Strategy {
    pub(crate) const ALL: [Self; 4] = [
        Self::UnderscoreEscapingWithSuffixes,
        Self::NoUtf8EscapingWithSuffixes,
        Self::UnderscoreEscapingWithoutSuffixes,
        Self::NoTranslation,
    ];

    /// Returns the value of the setting.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UnderscoreEscapingWithSuffixes => "UnderscoreEscapingWithSuffixes",
            Self::NoUtf8EscapingWithSuffixes => "NoUTF8EscapingWithSuffixes",
            Self::UnderscoreEscapingWithoutSuffixes => "UnderscoreEscapingWithoutSuffixes",
            Self::NoTranslation => "NoTranslation",
        }
    }

    /// Returns a metric's name, without a histogram's `_bucket`, `_sum` or `_count`.
    pub(crate) fn name(self, metric: &Metric) -> String {
        let escaped = metric.name.replace('.', "_");
        match self {
            Self::UnderscoreEscapingWithSuffixes => metric.prometheus_name.to_owned(),
            Self::UnderscoreEscapingWithoutSuffixes => escaped,
            Self::NoUtf8EscapingWithSuffixes => {
                let name = metric.prometheus_name;
                format!("{}{}", metric.name, name.strip_prefix(&escaped).unwrap_or_default())
            }
            Self::NoTranslation => metric.name.to_owned(),
        }
    }
}

/// Returns a metric unique to stagelight that every request records.
pub(crate) fn anchor() -> &'static Metric {
    catalog::REQUEST_STAGE_SHARE.metric()
}

/// Returns the name of a metric's representative series: a histogram's count.
pub(crate) fn series_name(metric: &Metric, strategy: Strategy) -> String {
    let part =
        if matches!(metric.instrument, Instrument::Histogram { .. }) { "_count" } else { "" };
    strategy.name(metric) + part
}

/// Returns a regular expression for all possible names of a metric's series, including those of a
/// native histogram.
pub(crate) fn any_name(metric: &Metric) -> String {
    let names = Strategy::ALL.map(|it| [series_name(metric, it), it.name(metric)]);
    let mut names: Vec<_> = names.iter().flatten().map(|it| escape(it)).collect();
    names.sort();
    names.dedup();
    names.join("|")
}

/// Returns all metrics, each with its family.
pub(crate) fn all() -> impl Iterator<Item = (&'static Family, &'static Metric)> {
    families().flat_map(|family| family.metrics.iter().map(move |it| (family, it)))
}

/// Escapes a literal for a regular expression in a PromQL string.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\\\\\"),
            '\n' => escaped.push_str("\\n"),
            _ if ".+*?()|[]{}^$".contains(letter) => {
                escaped.push_str("\\\\");
                escaped.push(letter);
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_has_its_names() {
        let duration = catalog::REQUEST_STAGE_DURATION.metric();
        assert_eq!(
            Strategy::ALL.map(|it| it.name(duration)),
            [
                "request_stage_duration_seconds",
                "request.stage.duration_seconds",
                "request_stage_duration",
                "request.stage.duration",
            ]
        );
        let errors = catalog::REQUEST_STAGE_ERRORS.metric();
        assert_eq!(Strategy::NoUtf8EscapingWithSuffixes.name(errors), "request.stage.errors_total");
    }

    #[test]
    fn an_escaped_name_cannot_end_the_string_or_match_another() {
        assert_eq!(escape(r#"a.b"c\d"#), r#"a\\.b\"c\\\\d"#);
    }
}
