//! Names the stages that no request contains, which are counted and not measured.

use std::{collections::BTreeSet, sync::Arc};

use stagelight_core::{
    Snapshot,
    catalog::{
        self,
        labels::{Reason, Stage},
    },
};

/// Logs each stage outside of any request once.
///
/// From the exporter's snapshot, because a layer must not log while `tracing` calls it.
#[derive(Debug, Default)]
pub(crate) struct OutsideRequests {
    /// Bounded by the cap of the label `stage`.
    logged: BTreeSet<Arc<str>>,
}

// === impl OutsideRequests ===

impl OutsideRequests {
    pub(crate) fn warn(&mut self, snapshot: &Snapshot) {
        for series in snapshot.of(&catalog::DROPPED) {
            let stage = series.value(Stage::LABEL);
            if series.value(Reason::LABEL) != "outside_request" || self.logged.contains(stage) {
                continue;
            }
            self.logged.insert(stage.into());
            tracing::warn!(
                target: "stagelight",
                "stage `{stage}` is outside of any request and not measured: run it below the \
                 HTTP layer, `#[request]` or a span with `stagelight.endpoint`",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use stagelight_core::{Engine, layer_api::SpanKey};
    use tracing::{Event, Subscriber};
    use tracing_subscriber::{Layer, layer::Context, prelude::*};

    use super::*;

    struct Log(Arc<Mutex<usize>>);

    impl<S: Subscriber> Layer<S> for Log {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            *self.0.lock().unwrap() += 1;
        }
    }

    #[test]
    fn each_stage_outside_of_requests_is_logged_once() {
        let engine = Engine::new();
        let spans = engine.spans();
        let lose = |stage| spans.open_stage(SpanKey::NONE, spans.stage_id(stage));
        let mut outside = OutsideRequests::default();
        let lines = Arc::new(Mutex::new(0));
        let _guard = tracing_subscriber::registry().with(Log(Arc::clone(&lines))).set_default();

        let mut expect = |count| {
            outside.warn(&engine.snapshot());
            assert_eq!(*lines.lock().unwrap(), count);
        };
        expect(0);
        lose("lost");
        expect(1);
        lose("lost");
        expect(1);
        lose("left");
        expect(2);
    }
}
