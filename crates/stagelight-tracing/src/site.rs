//! What a callsite's spans are, worked out once for each thread.

use stagelight_core::{Engine, layer_api::StageId};
use tracing::Metadata;

/// The field that makes a span a stage.
pub const STAGE_FIELD: &str = "stage";
/// The field that puts a stage into a group.
pub const GROUP_FIELD: &str = "stage.group";
/// The field that makes a span a request; its value is the endpoint.
pub const ENDPOINT_FIELD: &str = "stagelight.endpoint";
/// The field that tells who runs the backend that a stage asks.
pub const PROVIDER_FIELD: &str = "provider";
/// The field that tells what that backend runs.
pub const MODEL_FIELD: &str = "model";
/// The field that says that a stage or request failed, and how.
pub const ERROR_FIELD: &str = "error.type";
/// The field that says how a request ended.
pub const OUTCOME_FIELD: &str = "outcome";

/// Callsites that a thread remembers; two that meet in one place are worked out in turns.
const REMEMBERED: usize = 64;
/// The longest stage name that is remembered: the engine keeps none that is longer.
const MAX_NAME_BYTES: usize = 256;

/// What the spans of a callsite are.
///
/// A stage has the position of the field that holds its name, and no flag beside it: in a flag's spare values the compiler would
/// keep which variant it is, and copy the rest from an odd address, which takes the processor 4 ns each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// A stage of which no more than its name is known when it begins.
    Stage(usize),
    /// A stage that may tell more with its other fields.
    StageWithAttributes(usize),
    Request,
}

/// The callsites whose spans a thread made lately.
#[derive(Debug)]
pub(crate) struct Sites(Vec<Site>);

/// A callsite, as one thread remembers it.
#[derive(Clone, Debug)]
struct Site {
    /// The address of its metadata, which is `'static`; zero when free.
    metadata: usize,
    kind: Kind,
    /// The stage that its last span named, and in which engine.
    last: Option<(u64, StageId)>,
    /// That stage's name; kept for its capacity where names take turns.
    name: String,
}

/// Returns whether the spans of a callsite are stages or requests: what must not be filtered out.
#[must_use]
pub fn is_measured(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && classify(metadata) != Kind::Plain
}

/// Works out what the spans of a callsite are.
pub(crate) fn classify(metadata: &Metadata<'_>) -> Kind {
    let has = |name| metadata.fields().field(name).is_some();
    if has(ENDPOINT_FIELD) {
        return Kind::Request;
    }
    let Some(field) = metadata.fields().field(STAGE_FIELD) else { return Kind::Plain };
    let attributes = [GROUP_FIELD, PROVIDER_FIELD, MODEL_FIELD, ERROR_FIELD];
    let kind =
        if attributes.into_iter().any(has) { Kind::StageWithAttributes } else { Kind::Stage };
    kind(field.index())
}

// === impl Sites ===

impl Sites {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns what the spans of a callsite are.
    ///
    /// # Cost
    ///
    /// One comparison when the thread remembers the callsite, else a search through its field names.
    #[inline]
    pub(crate) fn kind(&mut self, metadata: &'static Metadata<'static>) -> Kind {
        self.site(metadata).kind
    }

    /// Returns the stage of a name that a span of this callsite gave.
    ///
    /// # Cost
    ///
    /// One comparison when it is the name that the last span gave, which for a literal it is; else a hash look-up.
    #[inline]
    pub(crate) fn stage(
        &mut self,
        metadata: &'static Metadata<'static>,
        engine: &Engine,
        name: &str,
    ) -> StageId {
        let site = self.site(metadata);
        if let Some((id, stage)) = site.last
            && id == engine.spans().engine_id()
            && site.name == name
        {
            return stage;
        }
        let stage = engine.spans().stage_id(name);
        if name.len() <= MAX_NAME_BYTES {
            site.last = Some((engine.spans().engine_id(), stage));
            site.name.clear();
            site.name.push_str(name);
        }
        stage
    }

    #[inline]
    fn site(&mut self, metadata: &'static Metadata<'static>) -> &mut Site {
        if self.0.is_empty() {
            self.0.resize(
                REMEMBERED,
                Site { metadata: 0, kind: Kind::Plain, last: None, name: String::new() },
            );
        }
        let address = std::ptr::from_ref(metadata).addr();
        // Metadata are some 100 bytes, so their low bits say little.
        let site = &mut self.0[(address >> 5 ^ address >> 11) % REMEMBERED];
        if site.metadata != address {
            *site = Site {
                metadata: address,
                kind: classify(metadata),
                last: None,
                name: std::mem::take(&mut site.name),
            };
        }
        site
    }
}
