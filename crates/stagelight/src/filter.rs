//! Enables spans and events according to `RUST_LOG`, and always measured spans.

use tracing::{
    Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter,
    layer::{Context, Layer},
    registry::LookupSpan,
};

/// The filter of the whole subscriber, which costs less than one per layer.
///
/// Stages and requests pass regardless of the directives: a lower log level must not turn
/// measurements off.
#[derive(Debug)]
pub(crate) struct LogFilter(EnvFilter);

// === impl LogFilter ===

impl LogFilter {
    /// Parses directives in the syntax of `RUST_LOG`. If they are invalid, the filter is `info` and
    /// the error is returned with it.
    pub(crate) fn new(directives: Option<&str>) -> (Self, Option<String>) {
        let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
        let Some(directives) = directives else { return (Self(builder.parse_lossy("")), None) };
        match builder.parse(directives) {
            Ok(filter) => (Self(filter), None),
            Err(error) => (Self(builder.parse_lossy("")), Some(error.to_string())),
        }
    }
}

impl<S> Layer<S> for LogFilter
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if stagelight_tracing::is_measured(metadata) {
            // The filter registers it too: a directive may name its fields.
            Layer::<S>::register_callsite(&self.0, metadata);
            return Interest::always();
        }
        Layer::<S>::register_callsite(&self.0, metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, cx: Context<'_, S>) -> bool {
        stagelight_tracing::is_measured(metadata) || Layer::enabled(&self.0, metadata, cx)
    }

    /// Returns `TRACE`, because a stage may have any level. Disabled events cost one more atomic
    /// load for it.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, cx: Context<'_, S>) -> bool {
        Layer::event_enabled(&self.0, event, cx)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        Layer::on_new_span(&self.0, attributes, id, cx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        Layer::on_record(&self.0, id, values, cx);
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        Layer::on_enter(&self.0, id, cx);
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        Layer::on_exit(&self.0, id, cx);
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        Layer::on_close(&self.0, id, cx);
    }
}

#[cfg(test)]
mod tests {
    use stagelight_core::{Engine, catalog};
    use tracing_subscriber::prelude::*;

    use super::*;

    fn enabled(directives: Option<&str>) -> (usize, bool, bool) {
        let engine = Engine::new();
        let subscriber = tracing_subscriber::registry()
            .with(LogFilter::new(directives).0)
            .with(stagelight_tracing::StageLayer::new(&engine));
        tracing::subscriber::with_default(subscriber, || {
            let request = tracing::debug_span!("request", stagelight.endpoint = "/");
            request.in_scope(|| tracing::trace_span!("stage", stage = "stage"));
            drop(request);
            let measured = engine.snapshot().of(&catalog::STAGE).count();
            let [info, debug] =
                [tracing::enabled!(tracing::Level::INFO), tracing::enabled!(tracing::Level::DEBUG)];
            (measured, info, debug)
        })
    }

    #[test]
    fn measured_spans_pass_all_directives() {
        for directives in [Some("off"), Some("error"), Some("other_crate=debug"), None] {
            assert_eq!(enabled(directives).0, 2, "{directives:?}");
        }
    }

    #[test]
    fn events_follow_the_directives() {
        assert_eq!(enabled(None), (2, true, false));
        assert_eq!(enabled(Some("warn")), (2, false, false));
        assert_eq!(enabled(Some("debug")), (2, true, true));
    }

    #[test]
    fn an_invalid_directive_is_returned_and_the_default_used() {
        let (filter, problem) = LogFilter::new(Some("a=b=c=nonsense"));
        assert!(problem.is_some());
        assert_eq!(filter.0.to_string(), "info");
    }
}
