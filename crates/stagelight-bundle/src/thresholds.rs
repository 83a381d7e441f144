//! The alert thresholds: one table for the Prometheus rules and the dashboards.
//!
//! The rules in `collector/prometheus/rules/` alert on these numbers, and a test compares both.
//! Dashboard panels change colour at the same values.
//!
//! The defaults are common in performance monitoring: response time 0.5 s warning and 5 s critical,
//! error rate 1 % warning and 5 % critical, memory and CPU 80 % warning and 90 % critical. The four
//! stage alerts come from the metric contract.
//!
//! ```
//! use stagelight_bundle::thresholds::{self, Severity};
//!
//! let critical = thresholds::for_alert("CriticalBackendTTFB").unwrap();
//! assert_eq!(critical.severity, Severity::Critical);
//! assert_eq!((critical.comparison.as_str(), critical.value), (">", 3.0));
//! ```

mod table;

use std::time::Duration;

pub use table::ALL;

/// When an alert fires.
#[derive(Debug)]
pub struct Threshold {
    /// The alert's name, unique in [`ALL`].
    pub alert: &'static str,
    /// The metric or recorded series behind the alert, by its Prometheus name without `_bucket`,
    /// `_sum` or `_count`.
    pub metric: &'static str,
    /// The statistic of the metric, over five minutes unless it says otherwise.
    pub statistic: Statistic,
    /// How the statistic compares with `value`.
    pub comparison: Comparison,
    /// The limit, in the statistic's unit.
    pub value: f64,
    /// The minimum number of requests (for an error ratio: failures) in the window.
    ///
    /// Keeps one slow request at night from firing the alert. 0 means no minimum.
    pub min_events: u32,
    /// How long the condition must hold before the alert fires. 0 fires at once.
    pub hold: Duration,
    /// How urgent the alert is.
    pub severity: Severity,
}

/// A statistic of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statistic {
    /// The 95th percentile, in seconds.
    P95,
    /// A ratio, 0 to 1.
    Ratio,
    /// Events per second.
    Rate,
    /// Events in five minutes.
    Increase,
    /// The last value.
    Level,
    /// Seconds since the last sample.
    Age,
    /// The error budget's burn rate, over the long and the short window named in the rule.
    BurnRate,
}

/// How a statistic compares with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `<`
    Below,
    /// `==`
    Equal,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Needs action during working hours.
    Warning,
    /// Needs action now.
    Critical,
}

/// Returns the threshold of an alert, or `None` if it has none.
#[must_use]
pub fn for_alert(alert: &str) -> Option<&'static Threshold> {
    ALL.iter().find(|it| it.alert == alert)
}

// === impl Comparison ===

impl Comparison {
    /// Returns the PromQL operator.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::Below => "<",
            Self::Equal => "==",
        }
    }
}

// === impl Severity ===

impl Severity {
    /// Returns the value of the `severity` label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_alert_has_one_threshold() {
        let names: BTreeSet<_> = ALL.iter().map(|it| it.alert).collect();

        assert_eq!(names.len(), ALL.len());
        assert!(for_alert("NoSuchAlert").is_none());
    }

    #[test]
    fn the_critical_twin_of_a_warning_has_the_higher_threshold() {
        let twins: Vec<_> = ALL
            .iter()
            .filter_map(|it| {
                let critical = format!("Critical{}", it.alert.strip_prefix("High")?);
                Some((it, for_alert(&critical)?))
            })
            .collect();

        assert_eq!(twins.len(), 6, "{twins:#?}");
        for (warning, critical) in twins {
            assert!(warning.value < critical.value && warning.severity < critical.severity);
        }
    }

    #[test]
    fn ratios_are_between_0_and_1() {
        for it in ALL.iter().filter(|it| it.statistic == Statistic::Ratio) {
            assert!((0.0..1.0).contains(&it.value), "{it:?}");
        }
    }
}
