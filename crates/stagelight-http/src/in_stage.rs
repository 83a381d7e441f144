//! Bodies and streams that are stages, in one call.

use stagelight_core::Engine;
use tracing::{Span, field::Empty};

use crate::{
    end::End,
    flow::{Flow, StageFlow},
    open::{Ending, Open},
};

mod body;
mod stream;

pub use body::{StageBody, StageBodyExt};
pub use stream::{StageStream, StageStreamExt};

/// The span of a stage: one that was made before, or a stage's name.
///
/// A span made beforehand is a stage if it has the field `stage`; the stage's time runs from the span's creation. To count
/// errors, it has to declare the field `error.type` (as [`stage_span!`](crate::stage_span) does).
#[derive(Clone, Debug)]
pub struct StageSpan(pub(crate) Span);

/// The end of a stage: its span is let go, and says what went wrong.
#[derive(Debug)]
pub(crate) struct StageEnding {
    /// What is in the stage, if that is a stream of a backend.
    stream: Option<StageFlow>,
    content: Content,
}

/// What is in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Bytes of which there is a known number: no stream.
    Whole,
    /// Bytes, nobody knows how many.
    Bytes,
    /// Anything, one by one.
    Items,
}

// === impl StageSpan ===

impl From<Span> for StageSpan {
    fn from(span: Span) -> Self {
        Self(span)
    }
}

impl From<&str> for StageSpan {
    /// Opens a stage of this name, now, as a child of the current span.
    fn from(stage: &str) -> Self {
        Self(tracing::info_span!(
            target: "stagelight",
            "stage",
            otel.name = stage,
            otel.status_code = Empty,
            stage,
            error.type = Empty,
        ))
    }
}

// === impl StageEnding ===

impl StageEnding {
    /// Opens a stage, measured by the process' engine if it is a stream of a backend.
    fn open(stage: StageSpan, content: Content) -> Open<Self> {
        let mut open = Open::new(stage.0, Self { stream: None, content });
        if let Some(engine) = Engine::global() {
            Self::measure_with(&mut open, engine);
        }
        open
    }

    /// Measures it with this engine from now on, if it is a stream.
    fn measure_with(open: &mut Open<Self>, engine: &Engine) {
        if let Some(ending) = &mut open.ending
            && ending.content != Content::Whole
        {
            ending.stream = StageFlow::of(Flow::begin(engine, None), &open.span);
        }
    }
}

impl Ending for StageEnding {
    fn end(self, span: &Span, bytes: u64, end: End) {
        if let Some(stream) = self.stream {
            stream.end((self.content == Content::Bytes).then_some(bytes), end);
        }
        if let End::Failed(failure) = end {
            record_error(span, failure.as_str());
        }
    }

    fn flow(&mut self) -> Option<&mut Flow> {
        self.stream.as_mut().map(|it| &mut it.flow)
    }
}

/// Marks a span as failed; fields that it does not declare are left out.
pub(crate) fn record_error(span: &Span, error_type: &str) {
    span.record("error.type", error_type);
    span.record("otel.status_code", "ERROR");
}

/// Opens the span of a stage that can fail: `stage_span!("name")` or `stage_span!("name", field = value, …)`.
///
/// The same as `tracing::info_span!("name", stage = "name", error.type = Empty, …)`. The name is a literal.
///
/// ```
/// # let (provider, model) = ("openai", "small");
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
