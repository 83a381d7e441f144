//! Reads the fields of stages and requests.

use std::fmt::{self, Write};

use stagelight_core::{
    Group, Outcome, fields,
    layer_api::{SpanEngine, SpanKey, StageAttribute, StageId},
};
use tracing::{
    Metadata,
    field::{Field, Visit},
    span::{Attributes, Record},
};

use crate::thread_state;

/// The endpoint of a request span with an empty endpoint field.
const UNMATCHED: &str = "unmatched";

/// Returns the stage that a new span names in its `field`, or `None` for an empty name.
pub(crate) fn stage(
    attributes: &Attributes<'_>,
    field: usize,
    spans: SpanEngine<'_>,
) -> Option<StageId> {
    let mut visitor = StageName { metadata: attributes.metadata(), field, spans, stage: None };
    attributes.record(&mut visitor);
    visitor.stage
}

/// Opens the request of a new request span.
pub(crate) fn open_request(attributes: &Attributes<'_>, spans: SpanEngine<'_>) -> SpanKey {
    let mut visitor = Endpoint { spans, key: None };
    attributes.record(&mut visitor);
    visitor.key.unwrap_or_else(|| spans.open_request(UNMATCHED))
}

/// Applies the fields of a new stage, except its name.
pub(crate) fn set_initial(
    attributes: &Attributes<'_>,
    spans: SpanEngine<'_>,
    key: SpanKey,
    stage: StageId,
) {
    attributes.record(&mut SpanFields { spans, key, stage: Some(stage) });
}

/// Applies fields recorded on an open stage or request.
pub(crate) fn set_recorded(values: &Record<'_>, spans: SpanEngine<'_>, key: SpanKey) {
    values.record(&mut SpanFields { spans, key, stage: None });
}

struct StageName<'a> {
    metadata: &'static Metadata<'static>,
    field: usize,
    spans: SpanEngine<'a>,
    stage: Option<StageId>,
}

/// Opens the request while it borrows the endpoint, which it would have to copy to return.
struct Endpoint<'a> {
    spans: SpanEngine<'a>,
    key: Option<SpanKey>,
}

struct SpanFields<'a> {
    spans: SpanEngine<'a>,
    key: SpanKey,
    /// `Some` while the span is new: only then may it choose its group.
    stage: Option<StageId>,
}

/// Formats a value without allocating, truncated beyond the length of any label value.
struct Text {
    bytes: [u8; 320],
    len: usize,
}

// === impl StageName ===

impl StageName<'_> {
    fn set(&mut self, name: &str) {
        let cached = thread_state::with(|it| it.callsites.stage(self.metadata, self.spans, name));
        self.stage = Some(cached.unwrap_or_else(|| self.spans.stage_id(name)));
    }
}

impl Visit for StageName<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.index() == self.field {
            self.set(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.index() == self.field {
            Text::format(value, |value| self.set(value));
        }
    }
}

// === impl Endpoint ===

impl Visit for Endpoint<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == fields::ENDPOINT && self.key.is_none() {
            self.key = Some(self.spans.open_request(value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == fields::ENDPOINT {
            Text::format(value, |value| self.record_str(field, value));
        }
    }
}

// === impl SpanFields ===

impl Visit for SpanFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let attribute = match field.name() {
            fields::PROVIDER => StageAttribute::Provider,
            fields::MODEL => StageAttribute::Model,
            fields::ERROR_TYPE => StageAttribute::ErrorType,
            fields::OUTCOME => {
                if let Some(outcome) = Outcome::from_label(value) {
                    self.spans.end_request(self.key, outcome);
                }
                return;
            }
            fields::GROUP => {
                if let (Some(stage), Some(group)) = (self.stage, Group::from_label(value)) {
                    self.spans.set_group(stage, group);
                }
                return;
            }
            _ => return,
        };
        self.spans.set_attribute(self.key, attribute, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let known =
            [fields::PROVIDER, fields::MODEL, fields::ERROR_TYPE, fields::OUTCOME, fields::GROUP];
        if known.contains(&field.name()) {
            Text::format(value, |value| self.record_str(field, value));
        }
    }
}

// === impl Text ===

impl Text {
    /// Calls `f` with the text of `value`. A field `name = %value` arrives as a `Debug` value that
    /// formats with `Display`.
    fn format(value: &dyn fmt::Debug, f: impl FnOnce(&str)) {
        let mut text = Self { bytes: [0; 320], len: 0 };
        // An error means that it was truncated, and then it exceeds the limit of every label.
        let _truncated = write!(text, "{value:?}");
        f(std::str::from_utf8(&text.bytes[..text.len]).unwrap_or_default());
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let mut len = part.len().min(self.bytes.len() - self.len);
        while !part.is_char_boundary(len) {
            len -= 1;
        }
        self.bytes[self.len..self.len + len].copy_from_slice(&part.as_bytes()[..len]);
        self.len += len;
        if len == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
