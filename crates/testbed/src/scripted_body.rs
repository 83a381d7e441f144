//! A body that plays a script.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};

/// A body whose every poll is written down beforehand.
///
/// Steps are played in the order in which they were added, one frame or [`pending`](Self::pending)
/// a poll; after the last one comes `None`. By default the body is as forthcoming as a buffered
/// one: [`is_end_stream`](Body::is_end_stream) turns true with the last step, and the size hint is
/// exact unless the script holds an error or a panic.
///
/// ```
/// use testbed::ScriptedBody;
///
/// let streamed = ScriptedBody::new().data("ab").pending().data("cde").hiding_its_end();
/// let broken = ScriptedBody::new().data("ab").error("connection reset");
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct ScriptedBody {
    steps: VecDeque<Step>,
    hides_its_end: bool,
    hides_its_size: bool,
}

/// The error of a [`ScriptedBody`]: its message, and what caused it if the script says so.
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
    /// Makes a body with an empty script: it is at its end from the start.
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

    /// Adds an error whose cause is an [`io::Error`](std::io::Error) of this kind.
    pub fn error_caused_by(self, message: &'static str, kind: std::io::ErrorKind) -> Self {
        self.step(Step::Error(ScriptedError { message, source: Some(kind.into()) }))
    }

    /// Adds a poll that is not ready; the task is woken at once, so that it comes back.
    pub fn pending(self) -> Self {
        self.step(Step::Pending)
    }

    /// Adds a poll that panics.
    pub fn panic(self, message: &'static str) -> Self {
        self.step(Step::Panic(message))
    }

    /// Adds something to do just before the next step, such as moving a clock.
    ///
    /// It takes no poll of its own.
    pub fn run(self, action: impl FnOnce() + Send + Sync + 'static) -> Self {
        self.step(Step::Run(Box::new(action)))
    }

    /// Makes [`is_end_stream`](Body::is_end_stream) always false, as bodies made from streams do.
    ///
    /// The size hint is hidden too; [`with_exact_size`](Self::with_exact_size) shows it again.
    pub fn hiding_its_end(mut self) -> Self {
        self.hides_its_end = true;
        self.hides_its_size = true;
        self
    }

    /// Makes the size hint say nothing, as that of a compressed body.
    pub fn hiding_its_size(mut self) -> Self {
        self.hides_its_size = true;
        self
    }

    /// Makes the size hint exact: the sum of the data frames still to come.
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

// === impl Step ===

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => f.debug_tuple("Data").field(data).finish(),
            Self::Trailers(trailers) => f.debug_tuple("Trailers").field(trailers).finish(),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::Pending => f.write_str("Pending"),
            Self::Panic(message) => f.debug_tuple("Panic").field(message).finish(),
            Self::Run(_) => f.write_str("Run"),
        }
    }
}

#[cfg(test)]
mod tests;
