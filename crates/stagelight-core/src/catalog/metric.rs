//! One metric: name, unit, instrument and meaning.

use crate::{buckets::Buckets, units::Nanos};

/// One metric of a [`Family`](super::Family).
#[derive(Debug)]
pub struct Metric {
    /// The OpenTelemetry name, without a unit.
    pub name: &'static str,
    /// The name in Prometheus, without `_bucket`, `_sum` or `_count`.
    pub prometheus_name: &'static str,
    /// The unit in which values are exported.
    pub unit: Unit,
    /// How values are aggregated.
    pub instrument: Instrument,
    /// What a value means, in one or two sentences.
    pub help: &'static str,
}

/// The unit in which values are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Seconds; recorded in nanoseconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A number of things with this name, in the singular.
    Count(&'static str),
    /// A number without a unit.
    None,
}

/// How values are aggregated.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Instrument {
    /// Counts by bucket, and a sum.
    Histogram {
        /// The classic bounds.
        buckets: &'static Buckets,
        /// Whether fine buckets are kept as well, for quantiles within 1.1 %.
        quantiles: bool,
    },
    /// A sum that only grows.
    Counter,
    /// A sum that grows and shrinks.
    UpDownCounter,
    /// The last value, computed by a reader.
    Gauge,
}

// === impl Metric ===

impl Metric {
    /// Creates a metric. [`families!`](crate::families) calls this for each metric of a row.
    ///
    /// # Panics
    ///
    /// If `prometheus_name` is not the name that Prometheus derives from an OTLP metric
    /// (`UnderscoreEscapingWithSuffixes`): `_` for `.`, then the unit, then `_total` for a counter.
    /// In a row of the catalogue that is a compile error.
    #[must_use]
    pub const fn new(
        name: &'static str,
        prometheus_name: &'static str,
        unit: Unit,
        instrument: Instrument,
        help: &'static str,
    ) -> Self {
        let suffix = match unit {
            Unit::Seconds => "_seconds",
            Unit::Bytes => "_bytes",
            Unit::Count(_) | Unit::None => "",
        };
        let total = if matches!(instrument, Instrument::Counter) { "_total" } else { "" };
        assert!(
            is_escaped(prometheus_name, &[name, suffix, total]),
            "the Prometheus name is not derived from the OpenTelemetry name, unit and instrument"
        );
        Self { name, prometheus_name, unit, instrument, help }
    }

    /// Returns the classic bounds of a histogram in the exported unit; empty for other instruments.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        match self.instrument {
            Instrument::Histogram { buckets, .. } => buckets.bounds(),
            Instrument::Counter | Instrument::UpDownCounter | Instrument::Gauge => &[],
        }
    }
}

/// Returns whether `name` equals the joined `parts` with `_` for each `.`.
pub(super) const fn is_escaped(name: &str, parts: &[&str]) -> bool {
    let name = name.as_bytes();
    let mut at = 0;
    let mut part = 0;
    while part < parts.len() {
        let expected = parts[part].as_bytes();
        let mut index = 0;
        while index < expected.len() {
            let byte = if expected[index] == b'.' { b'_' } else { expected[index] };
            if name.len() <= at || name[at] != byte {
                return false;
            }
            at += 1;
            index += 1;
        }
        part += 1;
    }
    at == name.len()
}

// === impl Unit ===

impl Unit {
    /// Returns the UCUM code that OpenTelemetry uses, e.g. `s` or `{request}`; empty for
    /// [`Unit::None`].
    #[must_use]
    pub fn code(self) -> String {
        match self {
            Self::Seconds => "s".to_owned(),
            Self::Bytes => "By".to_owned(),
            Self::Count(thing) => format!("{{{thing}}}"),
            Self::None => String::new(),
        }
    }

    /// Converts a recorded value to the exported unit.
    #[must_use]
    pub fn export(self, recorded: u64) -> f64 {
        match self {
            Self::Seconds => Nanos::new(recorded).as_secs_f64(),
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, nearest above")]
            Self::Bytes | Self::Count(_) | Self::None => recorded as f64,
        }
    }
}

// === impl Instrument ===

impl Instrument {
    /// A histogram with classic buckets.
    #[must_use]
    pub const fn histogram(buckets: &'static Buckets) -> Self {
        Self::Histogram { buckets, quantiles: false }
    }

    /// A histogram with classic buckets, and fine buckets for quantiles within 1.1 %.
    ///
    /// Each series takes about 0.6 KiB more per thread, and 256 bytes per power of two with a
    /// value.
    #[must_use]
    pub const fn quantiles(buckets: &'static Buckets) -> Self {
        Self::Histogram { buckets, quantiles: true }
    }

    /// Returns the instrument's name: `histogram`, `counter`, `updowncounter` or `gauge`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Histogram { .. } => "histogram",
            Self::Counter => "counter",
            Self::UpDownCounter => "updowncounter",
            Self::Gauge => "gauge",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(prometheus_name: &'static str, unit: Unit, instrument: Instrument) -> Metric {
        Metric::new("a.b", prometheus_name, unit, instrument, "")
    }

    #[test]
    fn the_prometheus_name_ends_with_the_unit_and_total() {
        static SIZES: Buckets = Buckets::bytes(&[1.0]);
        metric("a_b_seconds_total", Unit::Seconds, Instrument::Counter);
        metric("a_b_bytes", Unit::Bytes, Instrument::histogram(&SIZES));
        metric("a_b_total", Unit::Count("span"), Instrument::Counter);
        metric("a_b", Unit::Count("span"), Instrument::UpDownCounter);
        metric("a_b", Unit::None, Instrument::Gauge);
    }

    #[test]
    fn any_other_prometheus_name_is_rejected() {
        for name in ["a_b", "a.b_total", "a_b_total_", "a_b_tota", ""] {
            let create = || metric(name, Unit::Count("span"), Instrument::Counter);
            assert!(std::panic::catch_unwind(create).is_err(), "{name:?}");
        }
    }
}
