//! The span of a stage, and the record of its end.

use stagelight_core::{Engine, stage};
use tracing::{Span, field::Empty};

use crate::{
    conventions::record_error,
    end::{EndGuard, OnEnd},
    outcome::{CANCELLED, EndReason, Side},
    stream_timer::{BackendStreamTimer, StreamTimer},
};

/// The span of a stage.
///
/// Created from a stage's name, or from a span with the field `stage`. The stage lasts from the
/// creation of the span to the end of the future, stream or body in it. To count errors, the span
/// must declare the fields `error.type` and `otel.status_code`, as
/// [`stage_span!`](crate::stage_span) does.
///
/// ```
/// use stagelight_core::{Engine, stage};
/// use stagelight_http::{StageBodyExt, StageSpan, stage_span};
///
/// # let engine = Engine::new();
/// # let body = http_body_util::Full::new(bytes::Bytes::from("text"));
/// let span = StageSpan::from(stage_span!("render", template = "index")).engine(&engine);
/// let body = body.in_stage(span);
/// ```
#[derive(Clone, Debug)]
pub struct StageSpan {
    span: Span,
    /// Whether the stage is known to be `backend_fetch`.
    is_fetch: bool,
    engine: Option<Engine>,
}

/// Records the end of a stage.
#[derive(Debug)]
pub(crate) struct StageEnd {
    /// The timer of a backend's stream.
    stream: Option<BackendStreamTimer>,
    content: Content,
    is_fetch: bool,
}

/// The content of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A future, or a body of known length. Not a stream.
    Whole,
    /// A body of unknown length.
    Bytes,
    /// The items of a stream.
    Items,
}

// === impl StageSpan ===

impl StageSpan {
    /// Sets the engine that measures a stream. Defaults to the process-wide engine.
    ///
    /// Only matters in the stage `stream_processing`: other measurements come from the span.
    #[must_use]
    pub fn engine(mut self, engine: &Engine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    pub(crate) fn start(self, content: Content) -> EndGuard<StageEnd> {
        let Self { span, is_fetch, engine } = self;
        let engine = engine.as_ref().or_else(|| Engine::global());
        let stream = engine.filter(|_| content != Content::Whole).and_then(|engine| {
            BackendStreamTimer::for_span(StreamTimer::start(engine, None), &span)
        });
        EndGuard::new(span, StageEnd { stream, content, is_fetch })
    }
}

impl From<Span> for StageSpan {
    fn from(span: Span) -> Self {
        // The span of `stage_span!` has the name of its stage.
        let is_fetch = span.metadata().is_some_and(|it| it.name() == stage::BACKEND_FETCH);
        Self { span, is_fetch, engine: None }
    }
}

impl From<&str> for StageSpan {
    /// Opens a stage of this name now, as a child of the current span.
    fn from(name: &str) -> Self {
        let span = tracing::info_span!(
            target: "stagelight",
            "stage",
            otel.name = name,
            otel.status_code = Empty,
            stage = name,
            error.type = Empty,
        );
        Self { span, is_fetch: name == stage::BACKEND_FETCH, engine: None }
    }
}

// === impl StageEnd ===

impl OnEnd for StageEnd {
    fn on_end(&mut self, span: &Span, bytes: u64, reason: EndReason) {
        if let Some(stream) = self.stream.take() {
            let bytes = (self.content == Content::Bytes).then_some(bytes);
            stream.record(bytes, reason.outcome(Side::Client));
        }
        match reason {
            EndReason::Failed(failure) => record_error(span, failure.as_str()),
            // Otherwise it would count as a fetch with a response head.
            EndReason::Cancelled if self.is_fetch && self.content == Content::Whole => {
                record_error(span, CANCELLED);
            }
            _ => {}
        }
    }

    fn timer(&mut self) -> Option<&mut StreamTimer> {
        self.stream.as_mut().map(|it| &mut it.timer)
    }
}

/// Opens the span of a stage that can fail.
///
/// `stage_span!("name", field = value, …)` expands to `tracing::info_span!("name", stage = "name",
/// error.type = Empty, otel.status_code = Empty, field = value, …)`. The name must be a literal.
///
/// ```
/// # let (provider, model) = ("openai", "gpt-4o");
/// let span = stagelight_http::stage_span!("stream_processing", provider, model);
/// ```
#[macro_export]
macro_rules! stage_span {
    ($stage:literal $(, $($fields:tt)*)?) => {
        $crate::__private::tracing::info_span!(
            $stage,
            stage = $stage,
            error.type = $crate::__private::tracing::field::Empty,
            otel.status_code = $crate::__private::tracing::field::Empty,
            $($($fields)*)?
        )
    };
}
