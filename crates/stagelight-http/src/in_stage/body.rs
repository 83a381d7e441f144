//! A body as a stage.

use http_body::Body;

use super::stage_span::{Content, StageSpan};
use crate::tracked_body::{self, TrackedBody, body_length};

/// Measures bodies as stages.
///
/// For a type that is also a stream or a future, import only the trait you mean.
pub trait StageBodyExt: Body + Sized {
    /// Measures this body as a stage, to its last frame, error or drop.
    ///
    /// The body is polled and dropped inside the stage's span, so that an exported span lasts as
    /// long as the body.
    ///
    /// A body of unknown length in the stage `stream_processing` is also measured as a stream:
    /// `streaming.backend.*`, without the times to the first byte and chunk, because it is not
    /// known when its request was sent. A [`Backend`](crate::client::Backend) call records these.
    ///
    /// ```
    /// use stagelight_http::{StageBodyExt, stage_span};
    ///
    /// # let body = http_body_util::Full::new(bytes::Bytes::from("text"));
    /// let body = body.in_stage(stage_span!("render", template = "index"));
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the body before its end ends the stage without an error.
    ///
    /// # Errors
    ///
    /// An error or a panic of the body is an error of the stage, with the `error.type` `timeout` if
    /// a time limit caused it, else `body` or `panic`. Both are passed on.
    ///
    /// # Cost
    ///
    /// One span and one allocation. Per frame, the cost of a [`TrackedBody`].
    fn in_stage(self, stage: impl Into<StageSpan>) -> TrackedBody<Self> {
        let is_whole = body_length(&self, None).is_some();
        let guard = stage.into().start(if is_whole { Content::Whole } else { Content::Bytes });
        let content = tracked_body::Content::Inner { body: self };
        TrackedBody::new(content, None, false, Some(guard.map(|it| Box::new(it) as _)))
    }
}

// === impl StageBodyExt ===

impl<B: Body> StageBodyExt for B {}
