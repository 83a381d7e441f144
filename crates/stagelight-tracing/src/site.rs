//! What a callsite's spans are, worked out once for each thread.

use std::cell::RefCell;

use stagelight_core::{Engine, StageId};
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

/// What the spans of a callsite are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Stage { has_attributes: bool },
    Request,
}

/// A callsite, as one thread remembers it.
#[derive(Clone, Debug)]
struct Site {
    /// The address of its metadata, which is `'static`; zero when free.
    metadata: usize,
    kind: Kind,
    /// The stage that its last span named, and in which engine.
    last: Option<(u64, Box<str>, StageId)>,
}

thread_local! {
    static SITES: RefCell<Vec<Site>> = const { RefCell::new(Vec::new()) };
}

/// Returns what the spans of a callsite are.
///
/// # Cost
///
/// One comparison when the thread remembers the callsite, else a search through its field names.
#[inline]
pub(crate) fn kind(metadata: &'static Metadata<'static>) -> Kind {
    with(metadata, |site| site.kind).unwrap_or_else(|| classify(metadata))
}

/// Returns the stage of a name that a span of this callsite gave.
///
/// # Cost
///
/// One comparison when it is the name that the last span gave, which for a literal it is; else a hash look-up.
#[inline]
pub(crate) fn stage(metadata: &'static Metadata<'static>, engine: &Engine, name: &str) -> StageId {
    let remembered = with(metadata, |site| match &site.last {
        Some((id, last, stage)) if *id == engine.id() && **last == *name => *stage,
        _ => {
            let stage = engine.stage_id(name);
            site.last = Some((engine.id(), name.into(), stage));
            stage
        }
    });
    remembered.unwrap_or_else(|| engine.stage_id(name))
}

/// Returns whether the spans of a callsite are stages or requests: what must not be filtered out.
#[must_use]
pub fn is_measured(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && classify(metadata) != Kind::Plain
}

fn classify(metadata: &Metadata<'_>) -> Kind {
    let has = |name| metadata.fields().field(name).is_some();
    if has(ENDPOINT_FIELD) {
        Kind::Request
    } else if has(STAGE_FIELD) {
        let attributes = [GROUP_FIELD, PROVIDER_FIELD, MODEL_FIELD, ERROR_FIELD];
        Kind::Stage { has_attributes: attributes.into_iter().any(has) }
    } else {
        Kind::Plain
    }
}

/// Runs `f` with the site, unless the thread is being torn down.
#[inline]
fn with<R>(metadata: &'static Metadata<'static>, f: impl FnOnce(&mut Site) -> R) -> Option<R> {
    let address = std::ptr::from_ref(metadata).addr();
    let found = SITES.try_with(|sites| {
        let mut sites = sites.try_borrow_mut().ok()?;
        if sites.is_empty() {
            sites.resize(REMEMBERED, Site { metadata: 0, kind: Kind::Plain, last: None });
        }
        // Metadata are some 100 bytes, so their low bits say little.
        let site = &mut sites[(address >> 5 ^ address >> 11) % REMEMBERED];
        if site.metadata != address {
            *site = Site { metadata: address, kind: classify(metadata), last: None };
        }
        Some(f(site))
    });
    found.ok().flatten()
}
