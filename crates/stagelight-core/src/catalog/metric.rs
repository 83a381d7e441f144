//! What a metric is made of.

use crate::{buckets::Buckets, catalog::Label};

/// Metrics that are recorded together and carry the same attributes.
#[derive(Debug)]
pub struct Family {
    /// Position in [`ALL`](super::ALL).
    pub index: usize,
    /// The attributes of every metric in it, in the order in which values are given.
    pub labels: &'static [Label],
    /// The metrics; recording names one by its position.
    pub metrics: &'static [Metric],
}

/// One metric: its name, unit, kind and meaning.
#[derive(Debug)]
pub struct Metric {
    /// The OpenTelemetry name, without unit.
    pub name: &'static str,
    /// What a value counts.
    pub unit: Unit,
    /// How values become data.
    pub instrument: Instrument,
    /// One sentence or two: what a value means.
    pub help: &'static str,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Exported in seconds, recorded in nanoseconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Things of this name.
    Count(&'static str),
    /// A bare number.
    None,
}

/// How values become data.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Instrument {
    /// Counts in classic buckets, and a sum.
    Histogram {
        /// The classic bounds.
        buckets: &'static Buckets,
        /// Whether fine buckets are kept too, for quantiles within 1.1 %.
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
    /// A histogram of times with classic buckets and quantiles within 1.1 %.
    pub(super) const fn quantiles(
        name: &'static str,
        buckets: &'static Buckets,
        help: &'static str,
    ) -> Self {
        let instrument = Instrument::Histogram { buckets, quantiles: true };
        Self { name, unit: Unit::Seconds, instrument, help }
    }

    /// A histogram with classic buckets only.
    pub(super) const fn histogram(
        name: &'static str,
        unit: Unit,
        buckets: &'static Buckets,
        help: &'static str,
    ) -> Self {
        Self { name, unit, instrument: Instrument::Histogram { buckets, quantiles: false }, help }
    }

    pub(super) const fn counter(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { name, unit, instrument: Instrument::Counter, help }
    }

    pub(super) const fn up_down_counter(
        name: &'static str,
        unit: Unit,
        help: &'static str,
    ) -> Self {
        Self { name, unit, instrument: Instrument::UpDownCounter, help }
    }

    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, unit: Unit::None, instrument: Instrument::Gauge, help }
    }

    /// Returns the name that Prometheus shows: `_` for `.`, then the unit, then `_total` for a counter.
    ///
    /// The rule is Prometheus' own for OTLP (`UnderscoreEscapingWithSuffixes`).
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        match self.unit {
            Unit::Seconds => name.push_str("_seconds"),
            Unit::Bytes => name.push_str("_bytes"),
            Unit::Count(_) | Unit::None => {}
        }
        if matches!(self.instrument, Instrument::Counter) {
            name.push_str("_total");
        }
        name
    }

    /// Returns the classic bounds of a histogram in the exported unit, or nothing for another instrument.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        match self.instrument {
            Instrument::Histogram { buckets, .. } => buckets.bounds(),
            Instrument::Counter | Instrument::UpDownCounter | Instrument::Gauge => &[],
        }
    }
}

// === impl Unit ===

impl Unit {
    /// Returns the unit's UCUM code as OpenTelemetry writes it; empty for a bare number.
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
            Self::Seconds => crate::units::Nanos::new(recorded).as_secs_f64(),
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, nearest above")]
            Self::Bytes | Self::Count(_) | Self::None => recorded as f64,
        }
    }
}

// === impl Instrument ===

impl Instrument {
    /// Returns the kind's name: `histogram`, `counter`, `updowncounter` or `gauge`.
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
