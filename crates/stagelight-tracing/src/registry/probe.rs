//! Recognises a question that tracing-subscriber asks by a private type.

use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::Filtered,
    layer::{Context, Filter},
};

/// A layer with a filter that is never added to anything.
///
/// Asked for a type, it answers to the private one that means "do you have a filter?", and to types that nobody outside this file can name.
pub(crate) type Probe = Filtered<Nothing, Refusal, tracing_subscriber::Registry>;

#[derive(Debug)]
pub(crate) struct Nothing;

#[derive(Debug)]
pub(crate) struct Refusal;

pub(super) fn probe() -> Probe {
    Nothing.with_filter(Refusal)
}

impl<S: Subscriber> Layer<S> for Nothing {}

impl<S> Filter<S> for Refusal {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        false
    }
}
