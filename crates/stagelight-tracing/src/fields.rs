//! Reads the fields that stagelight knows out of a span.

use std::fmt::{self, Write};

use stagelight_core::{
    Engine, Group, Outcome,
    layer_api::{SpanKey, StageAttribute, StageId},
};
use tracing::{
    Metadata,
    field::{Field, Visit},
    span::{Attributes, Record},
};

use crate::{
    local,
    site::{ENDPOINT_FIELD, ERROR_FIELD, GROUP_FIELD, MODEL_FIELD, OUTCOME_FIELD, PROVIDER_FIELD},
};

/// Returns the stage that a new span names in its `field`; `None` when that is empty.
pub(crate) fn stage(attributes: &Attributes<'_>, field: usize, engine: &Engine) -> Option<StageId> {
    let mut visitor = StageName { metadata: attributes.metadata(), field, engine, stage: None };
    attributes.record(&mut visitor);
    visitor.stage
}

/// Opens the request of a new request span, with the endpoint that it names, or `unmatched` when the field is empty.
pub(crate) fn open_request(attributes: &Attributes<'_>, engine: &Engine) -> SpanKey {
    let mut visitor = Endpoint { engine, opened: None };
    attributes.record(&mut visitor);
    visitor.opened.unwrap_or_else(|| engine.spans().open_request("unmatched"))
}

/// Passes on what a new stage tells of itself besides its name.
pub(crate) fn attributes(
    attributes: &Attributes<'_>,
    engine: &Engine,
    key: SpanKey,
    stage: StageId,
) {
    attributes.record(&mut StageFields { engine, key, stage: Some(stage) });
}

/// Passes on what an open stage or request tells of itself.
pub(crate) fn recorded(values: &Record<'_>, engine: &Engine, key: SpanKey) {
    values.record(&mut StageFields { engine, key, stage: None });
}

struct StageName<'a> {
    metadata: &'static Metadata<'static>,
    field: usize,
    engine: &'a Engine,
    stage: Option<StageId>,
}

/// Opens the request while it sees the endpoint, which it would have to copy to hand out.
struct Endpoint<'a> {
    engine: &'a Engine,
    opened: Option<SpanKey>,
}

struct StageFields<'a> {
    engine: &'a Engine,
    key: SpanKey,
    /// Known while the span is new: only then may it choose its group.
    stage: Option<StageId>,
}

/// A value as text without allocating, cut at a length beyond any label's.
struct Text {
    bytes: [u8; 320],
    len: usize,
}

// === impl StageName ===

impl StageName<'_> {
    fn named(&mut self, name: &str) {
        let stage = local::with(|it| it.sites.stage(self.metadata, self.engine, name));
        self.stage = Some(stage.unwrap_or_else(|| self.engine.spans().stage_id(name)));
    }
}

impl Visit for StageName<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.index() == self.field {
            self.named(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.index() == self.field {
            Text::of(value, |value| self.named(value));
        }
    }
}

// === impl Endpoint ===

impl Visit for Endpoint<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == ENDPOINT_FIELD && self.opened.is_none() {
            self.opened = Some(self.engine.spans().open_request(value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == ENDPOINT_FIELD {
            Text::of(value, |value| self.record_str(field, value));
        }
    }
}

// === impl StageFields ===

impl Visit for StageFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let attribute = match field.name() {
            PROVIDER_FIELD => StageAttribute::Provider,
            MODEL_FIELD => StageAttribute::Model,
            ERROR_FIELD => StageAttribute::ErrorType,
            OUTCOME_FIELD => {
                if let Some(outcome) = Outcome::from_label(value) {
                    self.engine.spans().end_request(self.key, outcome);
                }
                return;
            }
            GROUP_FIELD => {
                if let (Some(stage), Some(group)) = (self.stage, Group::from_label(value)) {
                    self.engine.spans().set_group(stage, group);
                }
                return;
            }
            _ => return,
        };
        self.engine.spans().set_attribute(self.key, attribute, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let known = [PROVIDER_FIELD, MODEL_FIELD, ERROR_FIELD, OUTCOME_FIELD, GROUP_FIELD];
        if known.contains(&field.name()) {
            Text::of(value, |value| self.record_str(field, value));
        }
    }
}

// === impl Text ===

impl Text {
    /// Hands the text of `value` to `f`. (`field = %value` arrives as a `Debug` whose output is the `Display` text.)
    fn of(value: &dyn fmt::Debug, f: impl FnOnce(&str)) {
        let mut text = Self { bytes: [0; 320], len: 0 };
        // An error means that it did not fit; the part that did is over every label's limit.
        let _cut = write!(text, "{value:?}");
        f(std::str::from_utf8(&text.bytes[..text.len]).unwrap_or_default());
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let mut room = part.len().min(self.bytes.len() - self.len);
        while !part.is_char_boundary(room) {
            room -= 1;
        }
        self.bytes[self.len..self.len + room].copy_from_slice(&part.as_bytes()[..room]);
        self.len += room;
        if room == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
