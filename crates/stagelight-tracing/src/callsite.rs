//! The kind of each callsite, cached per thread.

use stagelight_core::{
    fields,
    layer_api::{SpanEngine, StageId},
};
use tracing::Metadata;

/// Callsites in a thread's cache. Two with the same place evict each other.
const CAPACITY: usize = 64;
/// The longest cached stage name. The engine does not intern longer ones.
const MAX_NAME_BYTES: usize = 256;

/// The kind of a callsite's spans.
///
/// Stages have the index of the field with their name, and no flag beside it: the compiler would
/// keep the variant in the flag's spare values and copy the rest from an unaligned address, which
/// costs 4 ns each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallsiteKind {
    Plain,
    /// A stage without attributes.
    Stage(usize),
    /// A stage with attributes.
    StageWithAttributes(usize),
    Request,
}

/// The callsites of a thread's most recent spans.
#[derive(Debug)]
pub(crate) struct CallsiteCache(Vec<Callsite>);

#[derive(Clone, Debug)]
struct Callsite {
    /// The address of its metadata, which is `'static`. Zero if the entry is free.
    metadata: usize,
    kind: CallsiteKind,
    /// The engine's id and the stage of the last span.
    last: Option<(u64, StageId)>,
    /// That stage's name, kept for its capacity.
    name: String,
}

/// Returns `true` if the spans of a callsite are stages or requests, which filters must not
/// disable.
#[must_use]
pub fn is_measured(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && CallsiteKind::from_metadata(metadata) != CallsiteKind::Plain
}

// === impl CallsiteKind ===

impl CallsiteKind {
    pub(crate) fn from_metadata(metadata: &Metadata<'_>) -> Self {
        let has = |name| metadata.fields().field(name).is_some();
        if has(fields::ENDPOINT) {
            return Self::Request;
        }
        let Some(field) = metadata.fields().field(fields::STAGE) else { return Self::Plain };
        let attributes = [fields::GROUP, fields::PROVIDER, fields::MODEL, fields::ERROR_TYPE];
        let kind =
            if attributes.into_iter().any(has) { Self::StageWithAttributes } else { Self::Stage };
        kind(field.index())
    }
}

// === impl CallsiteCache ===

impl CallsiteCache {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the kind of a callsite.
    ///
    /// # Cost
    ///
    /// A comparison if the callsite is cached, otherwise a search of its field names.
    #[inline]
    pub(crate) fn kind(&mut self, metadata: &'static Metadata<'static>) -> CallsiteKind {
        self.callsite(metadata).kind
    }

    /// Returns the stage with the name that a span of this callsite has.
    ///
    /// # Cost
    ///
    /// A comparison if the last span had the same name, as with a literal. Otherwise a hash
    /// look-up.
    #[inline]
    pub(crate) fn stage(
        &mut self,
        metadata: &'static Metadata<'static>,
        spans: SpanEngine<'_>,
        name: &str,
    ) -> StageId {
        let callsite = self.callsite(metadata);
        if let Some((engine, stage)) = callsite.last
            && engine == spans.engine_id()
            && callsite.name == name
        {
            return stage;
        }
        let stage = spans.stage_id(name);
        if name.len() <= MAX_NAME_BYTES {
            callsite.last = Some((spans.engine_id(), stage));
            callsite.name.clear();
            callsite.name.push_str(name);
        }
        stage
    }

    #[inline]
    fn callsite(&mut self, metadata: &'static Metadata<'static>) -> &mut Callsite {
        if self.0.is_empty() {
            let kind = CallsiteKind::Plain;
            self.0
                .resize(CAPACITY, Callsite { metadata: 0, kind, last: None, name: String::new() });
        }
        let address = std::ptr::from_ref(metadata).addr();
        // Metadata are about 100 bytes apart, so the low bits differ little.
        let callsite = &mut self.0[(address >> 5 ^ address >> 11) % CAPACITY];
        if callsite.metadata != address {
            *callsite = Callsite {
                metadata: address,
                kind: CallsiteKind::from_metadata(metadata),
                last: None,
                name: std::mem::take(&mut callsite.name),
            };
        }
        callsite
    }
}
