//! A layer that writes down what happens to every span.

use std::fmt::{self, Write as _};
use std::future::Future;
use std::sync::{Arc, Mutex};

use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// One line for each thing that happens to a span:
/// `open NAME field=value … [in PARENT]`, `enter NAME`, `exit NAME`, `record NAME field=value`,
/// `close NAME`.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<String>>>);

/// The level, the target and the name of a span.
type Head = (String, String, String);

#[derive(Clone, Default)]
struct Heads(Arc<Mutex<Vec<Head>>>);

struct Fields<'a>(&'a mut String);

// === impl Recorder ===

impl Recorder {
    /// Returns the lines so far, and forgets them.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn line(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut line = format!("open {}", attrs.metadata().name());
        attrs.record(&mut Fields(&mut line));
        if let Some(parent) = ctx.span(id).and_then(|it| it.parent()) {
            write!(line, " in {}", parent.name()).unwrap();
        }
        self.line(line);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let mut line = format!("record {}", name(id, &ctx));
        values.record(&mut Fields(&mut line));
        self.line(line);
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        self.line(format!("enter {}", name(id, &ctx)));
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        self.line(format!("exit {}", name(id, &ctx)));
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        self.line(format!("close {}", name(&id, &ctx)));
    }
}

// === impl Heads ===

impl<S: Subscriber> Layer<S> for Heads {
    fn on_new_span(&self, attrs: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let it = attrs.metadata();
        let head = (it.level().to_string(), it.target().to_owned(), it.name().to_owned());
        self.0.lock().unwrap().push(head);
    }
}

// === impl Fields ===

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Told apart from `record_str`, which is how a string that is not formatted arrives.
        write!(self.0, " {field}≈{value:?}").unwrap();
    }
}

fn name<S: Subscriber + for<'a> LookupSpan<'a>>(id: &Id, ctx: &Context<'_, S>) -> &'static str {
    ctx.span(id).unwrap().name()
}

/// Returns what `act` did to spans.
pub(crate) fn recorded<R>(act: impl FnOnce() -> R) -> Vec<String> {
    recording(|recorder| {
        act();
        recorder.take()
    })
}

/// Returns what `future` did to spans while a single thread ran it to its end.
pub(crate) fn recorded_async<F: Future>(future: impl FnOnce() -> F) -> Vec<String> {
    recorded(|| block_on(future()))
}

/// Runs `act` with a recorder that it can read in between.
pub(crate) fn recording<R>(act: impl FnOnce(&Recorder) -> R) -> R {
    let recorder = Recorder::default();
    let subscriber = Registry::default().with(recorder.clone());
    tracing::subscriber::with_default(subscriber, || act(&recorder))
}

/// Returns the level, target and name of each span that `act` opened.
pub(crate) fn heads<R>(act: impl FnOnce() -> R) -> Vec<Head> {
    let heads = Heads::default();
    tracing::subscriber::with_default(Registry::default().with(heads.clone()), act);
    std::mem::take(&mut heads.0.lock().unwrap())
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}
