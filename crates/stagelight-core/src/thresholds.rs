//! From which value on a measurement is a problem.
//!
//! One table for two readers: the Prometheus rules in `collector/prometheus/rules/` alert on these numbers (a test of `stagelight-bundle`
//! compares them), and checks inside a service can judge a [`Snapshot`](crate::Snapshot) by the same.
//!
//! The defaults are those of the performance systems that users come from, where an alert uses them: response time 0.5 s warning and 5 s critical
//! (their step between, 1 s, would be a third alert about the same and is left out), error rate 1 % warning and 5 % critical, memory and
//! processor 80 % warning and 90 % critical, and the four alerts on stages to the letter.
//!
//! ```
//! use stagelight_core::thresholds::{self, Severity};
//!
//! let critical = thresholds::of("CriticalBackendTTFB").unwrap();
//! assert_eq!(critical.severity, Severity::Critical);
//! assert!(critical.is_crossed_by(3.2) && !critical.is_crossed_by(3.0));
//! ```

mod table;

use std::time::Duration;

use crate::catalog::Metric;

pub use table::ALL;

/// A value from which on something is wrong, and for how long it has to be.
#[derive(Debug)]
pub struct Threshold {
    /// The alert's name; unique in [`ALL`].
    pub alert: &'static str,
    /// What is looked at.
    pub source: Source,
    /// What is computed of it, over five minutes unless the statistic says otherwise.
    pub statistic: Statistic,
    /// How the result is compared with `value`.
    pub comparison: Comparison,
    /// The limit, in the statistic's unit: see [`Statistic::unit`].
    pub value: f64,
    /// How many requests (for a ratio of failures: failures) the window must have had. Fewer say nothing: at night one slow
    /// request is all of them. 0 for what needs no such guard.
    pub at_least: u32,
    /// How long it has to stay so. 0 is at once.
    pub hold: Duration,
    /// Who has to know, and when.
    pub severity: Severity,
}

/// What a threshold looks at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Source {
    /// A metric of the catalogue, which a service can read of itself.
    Metric(&'static Metric),
    /// How full the store's own tables are: series of a family, values of a label. A service can read it of itself.
    Store,
    /// A metric, by its Prometheus name, of the collector, Prometheus, Alertmanager or the machine.
    Outside(&'static str),
}

/// What is computed of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statistic {
    /// The value that 95 of 100 do not exceed, in seconds.
    P95,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// Events a second.
    Rate,
    /// Events in five minutes.
    Increase,
    /// The last value as it is.
    Level,
    /// Seconds since the last value.
    Age,
    /// How many times as fast as it may an error budget is used up; over a long and a short window, which the rule names.
    BurnRate,
}

/// What a statistic's values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThresholdUnit {
    /// Seconds.
    Seconds,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// Events a second.
    PerSecond,
    /// A bare number.
    Number,
}

/// How a value is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
}

/// Who has to know, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nobody has to do anything.
    Info,
    /// Somebody has to look at it in working hours.
    Warning,
    /// Somebody has to look at it now.
    Critical,
}

/// Returns the threshold of an alert, if it has one.
#[must_use]
pub fn of(alert: &str) -> Option<&'static Threshold> {
    ALL.iter().find(|it| it.alert == alert)
}

// === impl Threshold ===

impl Threshold {
    /// Returns whether this value is a problem, if it stays so for [`hold`](Self::hold). NaN never is.
    #[must_use]
    pub fn is_crossed_by(&self, value: f64) -> bool {
        self.comparison.holds(value, self.value)
    }
}

// === impl Statistic ===

impl Statistic {
    /// Returns what the values count.
    #[must_use]
    pub const fn unit(self) -> ThresholdUnit {
        match self {
            Self::P95 | Self::Age => ThresholdUnit::Seconds,
            Self::Ratio => ThresholdUnit::Ratio,
            Self::Rate => ThresholdUnit::PerSecond,
            Self::Increase | Self::Level | Self::BurnRate => ThresholdUnit::Number,
        }
    }
}

// === impl Comparison ===

impl Comparison {
    /// Returns how PromQL writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
        }
    }

    /// Returns whether `value` compares so with `limit`. With NaN nothing does.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "equality is asked of states such as 0 and 1 only")]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::Equal => value == limit,
        }
    }
}

// === impl Severity ===

impl Severity {
    /// Returns the label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
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
        assert!(of("NoSuchAlert").is_none());
    }

    #[test]
    fn a_threshold_is_crossed_beyond_its_value_and_never_by_nan() {
        let slow = of("HighBackendTTFB").unwrap();

        assert!(slow.is_crossed_by(2.001));
        assert!(!slow.is_crossed_by(2.0) && !slow.is_crossed_by(f64::NAN));
    }

    #[test]
    fn a_threshold_on_a_state_is_crossed_by_that_state_alone() {
        let down = of("CollectorDown").unwrap();

        assert!(down.is_crossed_by(0.0) && !down.is_crossed_by(1.0));
    }

    #[test]
    fn every_comparison_tells_below_at_and_above_apart() {
        let around = |comparison: Comparison| [1.0, 2.0, 3.0].map(|it| comparison.holds(it, 2.0));

        assert_eq!(around(Comparison::Above), [false, false, true]);
        assert_eq!(around(Comparison::AtLeast), [false, true, true]);
        assert_eq!(around(Comparison::Below), [true, false, false]);
        assert_eq!(around(Comparison::AtMost), [true, true, false]);
        assert_eq!(around(Comparison::Equal), [false, true, false]);
    }

    #[test]
    fn where_a_warning_has_a_critical_twin_the_twin_asks_for_more() {
        let twins: Vec<_> = ALL
            .iter()
            .filter_map(|it| {
                Some((it, of(&format!("Critical{}", it.alert.strip_prefix("High")?))?))
            })
            .collect();

        assert_eq!(twins.len(), 5, "{twins:#?}");
        for (warning, critical) in twins {
            assert!(warning.value < critical.value && warning.severity < critical.severity);
        }
    }

    #[test]
    fn ratios_are_parts_of_a_whole() {
        for it in ALL.iter().filter(|it| it.statistic.unit() == ThresholdUnit::Ratio) {
            assert!((0.0..1.0).contains(&it.value), "{it:?}");
        }
    }
}
