//! A layer that logs everything a layer can observe.

use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, Scope},
};

use crate::log::Log;

#[derive(Debug)]
pub(crate) struct Observer(pub(crate) Log);

/// The layer's data in a span's extensions.
struct Seen(u32);

// === impl Observer ===

impl Observer {
    fn note<S>(&self, what: &str, id: &Id, cx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let metadata = cx.metadata(id).map(|it| it.name());
        let scope = cx.span_scope(id).map(names);
        let parent = cx.span(id).and_then(|it| Some(it.parent()?.name()));
        let current = cx.lookup_current().map(|it| it.name());
        let current_id = cx.current_span().metadata().map(|it| it.name());
        let seen = cx.span(id).and_then(|it| Some(it.extensions().get::<Seen>()?.0));
        self.0.line(&format!(
            "{what} {metadata:?} in {scope:?} parent {parent:?} current {current:?} {current_id:?} \
             seen {seen:?}"
        ));
    }
}

fn names<'a, S: LookupSpan<'a>>(scope: Scope<'a, S>) -> Vec<&'static str> {
    scope.map(|it| it.name()).collect()
}

impl<S> Layer<S> for Observer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        cx.span(id).unwrap().extensions_mut().insert(Seen(7));
        self.note(&format!("new, contextual {}", attributes.is_contextual()), id, &cx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        self.note(&format!("record {values:?}"), id, &cx);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, cx: Context<'_, S>) {
        self.note("follows", id, &cx);
        self.note("followed", follows, &cx);
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let scope = cx.event_scope(event).map(names);
        let span = cx.event_span(event).map(|it| it.name());
        let line = event.fields().map(|it| it.name()).collect::<Vec<_>>();
        self.0.line(&format!("event {line:?} of {span:?} in {scope:?}"));
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        self.note("enter", id, &cx);
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        self.note("exit", id, &cx);
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        self.note("close", &id, &cx);
    }
}
