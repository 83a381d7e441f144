//! Parts that all kinds of data points share.

use std::time::SystemTime;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::{Exemplar as OtlpExemplar, exemplar::Value as ExemplarValue},
};
use stagelight_core::{Exemplar, Series, catalog::Label};

/// The period of cumulative values, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

// === impl Period ===

impl Period {
    pub(crate) fn until_now(start: SystemTime) -> Self {
        Self { start: unix_nanos(start), end: unix_nanos(SystemTime::now()) }
    }
}

fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn attribute(name: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: name.to_owned(), value, ..Default::default() }
}

/// Returns the attributes of a series, without absent ones.
pub(super) fn attributes(series: &Series) -> Vec<KeyValue> {
    let present = series.labels();
    present.map(|(label, value)| attribute(label.otel_name, value_of(label, value))).collect()
}

fn value_of(label: &Label, value: &str) -> Value {
    // The overflow value `other` is not a number.
    let number = label.is_integer.then(|| value.parse().ok()).flatten();
    number.map_or_else(|| Value::StringValue(value.to_owned()), Value::IntValue)
}

pub(super) fn exemplar(exemplar: &Exemplar, period: Period) -> OtlpExemplar {
    OtlpExemplar {
        filtered_attributes: Vec::new(),
        time_unix_nano: period.end.saturating_sub(exemplar.age.get()),
        span_id: exemplar.span_id.to_be_bytes().to_vec(),
        trace_id: exemplar.trace_id.to_be_bytes().to_vec(),
        value: Some(ExemplarValue::AsDouble(exemplar.value)),
    }
}
