//! Snapshots with exemplars.

use crate::{engine::Engine, random::Random, snapshot::Snapshot};

/// Reads snapshots with the exemplars recorded since its previous one.
///
/// Each snapshot has at most one exemplar per bucket of a series: a uniformly random one of the
/// values that sampled requests recorded there. Readers do not affect each other.
///
/// An engine supports four readers at a time; further ones return no exemplars. Without a reader,
/// no exemplars are collected.
///
/// ```
/// use stagelight_core::{Engine, ExemplarReader, catalog::{self, labels::Endpoint}};
///
/// let engine = Engine::new();
/// let mut reader = ExemplarReader::new(&engine);
/// let values = [catalog::FRONTEND_PROCESSING.value(2_000_000)];
/// engine.record(&catalog::FRONTEND, Endpoint::new("/v1/chat"), &values);
/// let snapshot = reader.snapshot();
/// let series = snapshot.of(&catalog::FRONTEND).next().unwrap();
/// let histogram = series.histogram(catalog::FRONTEND_PROCESSING).unwrap();
/// assert_eq!(histogram.count(), 1);
/// assert!(histogram.exemplars().is_empty(), "it was not recorded in a sampled request");
/// ```
#[derive(Debug)]
pub struct ExemplarReader {
    engine: Engine,
    number: Option<usize>,
    random: Random,
}

// === impl ExemplarReader ===

impl ExemplarReader {
    /// Creates a reader. Its first interval begins now.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        let number = engine.0.store.intervals.join();
        Self { engine: engine.clone(), number, random: Random::new() }
    }

    /// Returns all current values, with the exemplars since the last call.
    ///
    /// The cost is that of [`Engine::snapshot`].
    #[must_use]
    pub fn snapshot(&mut self) -> Snapshot {
        let Self { engine, number, random } = self;
        match number {
            Some(number) => {
                let collected = engine.0.store.collect_exemplars(*number, random);
                engine.0.store.snapshot(&collected, &engine.0.clock)
            }
            None => engine.snapshot(),
        }
    }
}

impl Drop for ExemplarReader {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.engine.0.store.intervals.leave(number);
        }
    }
}
