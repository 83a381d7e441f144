//! Recognises a type query of tracing-subscriber for a private type.

use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::Filtered,
    layer::{Context, Filter},
};

/// A filtered layer outside of any subscriber.
///
/// Its `downcast_raw` answers the private type that means "is there a filter?", and types that
/// only this file can name.
pub(crate) type FilterProbe = Filtered<NoopLayer, RejectAll, tracing_subscriber::Registry>;

#[derive(Debug)]
pub(crate) struct NoopLayer;

#[derive(Debug)]
pub(crate) struct RejectAll;

pub(super) fn filter_probe() -> FilterProbe {
    NoopLayer.with_filter(RejectAll)
}

impl<S: Subscriber> Layer<S> for NoopLayer {}

impl<S> Filter<S> for RejectAll {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        false
    }
}
