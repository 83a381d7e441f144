//! A body that is watched to its last byte, error, panic or drop.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{
    end::End,
    failure::Failure,
    last_byte::LastByte,
    open::{self, Ending, Open},
};

pin_project! {
    /// Polls a body inside its span, and ends what it is watched for when the body ends.
    pub(crate) struct Watched<B, E: Ending> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        body: Option<B>,
        last_byte: LastByte,
        // `None` once it has ended, so that the span is let go.
        open: Option<Open<E>>,
    }

    impl<B, E: Ending> PinnedDrop for Watched<B, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the body holds, spans of its own included, goes before the end of the whole.
            if let Some(open) = this.open {
                open.span.in_scope(|| this.body.set(None));
            }
        }
    }
}

// === impl Watched ===

impl<B: Body, E: Ending> Watched<B, E> {
    /// Watches `body`; one that is empty from the start ends here, because nobody polls it.
    pub(crate) fn new(body: B, content_length: Option<u64>, mut open: Option<Open<E>>) -> Self {
        let last_byte = LastByte::of(&body, content_length);
        if body.is_end_stream() || last_byte.is_handed_over() {
            open.iter_mut().for_each(|it| it.end(End::Complete));
        }
        let open = open.filter(|it| it.ending.is_some());
        Self { body: Some(body), last_byte, open }
    }

    /// Returns what it is watched for, unless that has ended.
    pub(crate) fn open_mut(&mut self) -> Option<&mut Open<E>> {
        self.open.as_mut()
    }
}

impl<B, E> Body for Watched<B, E>
where
    B: Body,
    B::Error: 'static,
    E: Ending,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(mut body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        let Some(open) = this.open.as_mut() else { return body.poll_frame(cx) };

        let Open { span, ending, bytes } = open;
        let (polled, end) = span.in_scope(|| {
            let mut flow = ending.as_mut().and_then(Ending::flow);
            flow.iter_mut().for_each(|it| it.ask());
            let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll_frame(cx)));
            let end = match &polled {
                Ok(Poll::Pending) => None,
                Ok(Poll::Ready(frame)) => {
                    let before = *bytes;
                    let end = this.last_byte.see(frame.as_ref(), body.is_end_stream(), bytes);
                    flow.iter_mut().for_each(|it| it.answer(before < *bytes));
                    end
                }
                Err(_) => Some(End::Failed(Failure::Panic)),
            };
            if let Some(end) = end {
                open::end(ending, span, *bytes, end);
            }
            (polled, end)
        });

        if end.is_some() {
            *this.open = None;
        }
        polled.unwrap_or_else(|payload| resume_unwind(payload))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    // Forwarded, or the message loses its `content-length`.
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: fmt::Debug, E: Ending> fmt::Debug for Watched<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("body", &self.body)
            .field("is_open", &self.open.is_some())
            .finish()
    }
}
