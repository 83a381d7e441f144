//! The request of sides with spans.

use std::hint::black_box;

use tracing::info_span;

pub(super) const STAGES: [&str; 5] = [
    "request_parsing",
    "auth_validation",
    "request_preparation",
    "backend_fetch",
    "stream_processing",
];

/// A root span and five stages, one after the other.
pub(super) fn request(endpoint: &'static str) {
    info_span!("request", stagelight.endpoint = endpoint).in_scope(|| {
        info_span!("parse", stage = STAGES[0]).in_scope(work);
        info_span!("authenticate", stage = STAGES[1]).in_scope(work);
        info_span!("prepare", stage = STAGES[2]).in_scope(work);
        info_span!("fetch", stage = STAGES[3]).in_scope(work);
        info_span!("stream", stage = STAGES[4]).in_scope(work);
    });
}

/// The same with a function around each stage, called with the stage's name and work.
#[cfg(feature = "peers")]
pub(super) fn request_around(endpoint: &'static str, around: impl Fn(&'static str, &dyn Fn())) {
    info_span!("request", stagelight.endpoint = endpoint).in_scope(|| {
        around(STAGES[0], &|| info_span!("parse", stage = STAGES[0]).in_scope(work));
        around(STAGES[1], &|| info_span!("authenticate", stage = STAGES[1]).in_scope(work));
        around(STAGES[2], &|| info_span!("prepare", stage = STAGES[2]).in_scope(work));
        around(STAGES[3], &|| info_span!("fetch", stage = STAGES[3]).in_scope(work));
        around(STAGES[4], &|| info_span!("stream", stage = STAGES[4]).in_scope(work));
    });
}

/// The work of a stage: nothing, but not optimized away.
pub(super) fn work() {
    black_box(());
}
