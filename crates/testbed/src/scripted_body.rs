//! A response body that follows a script.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};

/// A body with a script of what each poll returns.
///
/// Each poll takes the next step: a frame, an error or [`pending`](Self::pending); after the last
/// step polls return `None`. By default the body behaves like a buffered one:
/// [`is_end_stream`](Body::is_end_stream) is true after the last step, and the size hint is exact
/// unless the script contains an error or a panic.
///
/// ```
/// use testbed::ScriptedBody;
///
/// let streamed = ScriptedBody::new().data("ab").pending().data("cde").hiding_its_end();
/// let broken = ScriptedBody::new().data("ab").error("connection reset");
/// ```
#[derive(Default)]
#[must_use]
pub struct ScriptedBody {
    steps: VecDeque<Step>,
    hides_its_end: bool,
    hides_its_size: bool,
}

/// The error of a [`ScriptedBody`], with an optional cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ScriptedError {
    message: &'static str,
    #[source]
    source: Option<std::io::Error>,
}

enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Error(ScriptedError),
    Pending,
    Panic(&'static str),
    Run(Box<dyn FnOnce() + Send + Sync>),
}

// === impl ScriptedBody ===

impl ScriptedBody {
    /// Returns a body with an empty script, at its end.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a data frame.
    pub fn data(self, data: &'static str) -> Self {
        self.step(Step::Data(Bytes::from_static(data.as_bytes())))
    }

    /// Adds a trailers frame.
    ///
    /// # Panics
    ///
    /// Panics if a name is not lower-case or a value is not visible ASCII.
    pub fn trailers<const N: usize>(self, fields: [(&'static str, &'static str); N]) -> Self {
        let fields = fields
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        self.step(Step::Trailers(fields.into_iter().collect()))
    }

    /// Adds an error.
    pub fn error(self, message: &'static str) -> Self {
        self.step(Step::Error(ScriptedError { message, source: None }))
    }

    /// Adds an error caused by an [`io::Error`](std::io::Error) of this kind.
    pub fn error_caused_by(self, message: &'static str, kind: std::io::ErrorKind) -> Self {
        self.step(Step::Error(ScriptedError { message, source: Some(kind.into()) }))
    }

    /// Adds a poll that returns `Pending` and wakes the task at once.
    pub fn pending(self) -> Self {
        self.step(Step::Pending)
    }

    /// Adds a poll that panics.
    pub fn panic(self, message: &'static str) -> Self {
        self.step(Step::Panic(message))
    }

    /// Adds an action that runs just before the next step, in the same poll: moving a clock, say.
    pub fn run(self, action: impl FnOnce() + Send + Sync + 'static) -> Self {
        self.step(Step::Run(Box::new(action)))
    }

    /// Makes [`is_end_stream`](Body::is_end_stream) always `false`, as for bodies from streams.
    ///
    /// Also hides the size; [`with_exact_size`](Self::with_exact_size) reverts that.
    pub fn hiding_its_end(mut self) -> Self {
        self.hides_its_end = true;
        self.hides_its_size = true;
        self
    }

    /// Makes the size unknown, as for compressed bodies.
    pub fn hiding_its_size(mut self) -> Self {
        self.hides_its_size = true;
        self
    }

    /// Makes the size hint exact: the sum of the remaining data frames.
    pub fn with_exact_size(mut self) -> Self {
        self.hides_its_size = false;
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.hides_its_size |= matches!(step, Step::Error(_) | Step::Panic(_));
        self.steps.push_back(step);
        self
    }
}

impl fmt::Debug for ScriptedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedBody").field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = ScriptedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ScriptedError>>> {
        loop {
            let Some(step) = self.steps.pop_front() else { return Poll::Ready(None) };
            return match step {
                Step::Data(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                Step::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Step::Error(error) => Poll::Ready(Some(Err(error))),
                Step::Panic(message) => panic!("{message}"),
                Step::Pending => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Step::Run(action) => {
                    action();
                    continue;
                }
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.hides_its_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.hides_its_size {
            return SizeHint::default();
        }
        let bytes = self.steps.iter().map(|it| match it {
            Step::Data(data) => data.len() as u64,
            _ => 0,
        });
        SizeHint::with_exact(bytes.sum())
    }
}
