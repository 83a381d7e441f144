//! An artificial regression: slowed stages, to be found.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Extra time of each stage; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slow {
    stages: BTreeMap<&'static str, Duration>,
}

/// An invalid slowed stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlowError {
    /// No stage has that name.
    #[error("there is no stage {stage:?} to slow down; there are {}", Slow::STAGES.join(", "))]
    Stage {
        /// The name as given.
        stage: String,
    },
    /// The duration cannot be read.
    #[error("cannot understand {given:?}; expected STAGE=DURATION such as auth_validation=50ms")]
    Duration {
        /// The text as given.
        given: String,
    },
}

/// A body that starts late.
///
/// Slows a stage that is not a function: as a request's body it delays the response head, as a
/// response's its last byte.
pub(crate) struct SlowBody<B> {
    inner: B,
    // None once it is over.
    sleep: Option<Pin<Box<Sleep>>>,
}

// === impl Slow ===

impl Slow {
    /// The gateway's stages, in the order of a request.
    pub const STAGES: [&str; 5] = [
        "auth_validation",
        "request_parsing",
        "request_preparation",
        "backend_fetch",
        "stream_processing",
    ];

    /// Reads `STAGE=DURATION`, such as `auth_validation=50ms`.
    ///
    /// # Errors
    ///
    /// - [`SlowError::Stage`] if there is no such stage;
    /// - [`SlowError::Duration`] if the duration is missing or cannot be read.
    pub fn parse(text: &str) -> Result<(String, Duration), SlowError> {
        let (stage, duration) = text.split_once('=').unwrap_or((text, ""));
        let stage = Self::find(stage)?;
        let duration = humantime::parse_duration(duration)
            .map_err(|_| SlowError::Duration { given: text.to_owned() })?;
        Ok((stage.to_owned(), duration))
    }

    /// Adds stages with their extra time; a later one replaces an earlier one of the same stage.
    ///
    /// # Errors
    ///
    /// [`SlowError::Stage`] if there is no such stage.
    pub fn with(
        mut self,
        stages: impl IntoIterator<Item = (String, Duration)>,
    ) -> Result<Self, SlowError> {
        for (stage, duration) in stages {
            self.stages.insert(Self::find(&stage)?, duration);
        }
        Ok(self)
    }

    /// Waits for the extra time of `stage`; returns immediately if there is none.
    pub(crate) async fn pause(&self, stage: &str) {
        if let Some(duration) = self.stages.get(stage) {
            sleep(*duration).await;
        }
    }

    /// Delays `inner` by the extra time of `stage`.
    pub(crate) fn body<B>(&self, stage: &str, inner: B) -> SlowBody<B> {
        let sleep = self.stages.get(stage).map(|it| Box::pin(sleep(*it)));
        SlowBody { inner, sleep }
    }

    fn find(stage: &str) -> Result<&'static str, SlowError> {
        let found = Self::STAGES.into_iter().find(|it| *it == stage);
        found.ok_or_else(|| SlowError::Stage { stage: stage.to_owned() })
    }
}

// === impl SlowBody ===

impl<B: Body<Data = Bytes> + Unpin> Body for SlowBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stage_and_a_duration() {
        let expected = ("auth_validation".to_owned(), Duration::from_millis(50));
        assert_eq!(Slow::parse("auth_validation=50ms"), Ok(expected));
    }

    #[test]
    fn the_error_for_an_unknown_stage_lists_the_stages() {
        let expected = "there is no stage \"auth\" to slow down; there are auth_validation, \
            request_parsing, request_preparation, backend_fetch, stream_processing";
        assert_eq!(Slow::parse("auth=50ms").unwrap_err().to_string(), expected);
        let stages = [("auth".to_owned(), Duration::ZERO)];
        assert_eq!(Slow::default().with(stages).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_bad_duration_is_an_error() {
        for given in ["auth_validation", "auth_validation=", "auth_validation=50"] {
            let error = Slow::parse(given).unwrap_err();
            assert_eq!(error, SlowError::Duration { given: given.to_owned() });
        }
    }
}
