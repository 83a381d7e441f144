//! Reads snapshots with exemplars.

use crate::{engine::Engine, random::Random, snapshot::Snapshot};

/// A reader of snapshots with exemplars, which sees those of its own intervals.
///
/// Each of its snapshots has at most one exemplar for each bucket of a series: one value of those that sampled requests recorded there since
/// its last snapshot, each as likely as any other. Readers do not see or disturb each other.
///
/// An engine has four at most: that is how many a value of a sampled request is offered to. A fifth sees none. While there is no reader,
/// nothing is kept.
#[derive(Debug)]
pub struct ExemplarReader {
    engine: Engine,
    number: Option<usize>,
    random: Random,
}

// === impl ExemplarReader ===

impl ExemplarReader {
    /// Makes a reader, whose first interval begins now.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        let number = engine.0.store.intervals.join();
        Self { engine: engine.clone(), number, random: Random::new() }
    }

    /// Returns all values as they are now, with the exemplars since the last call; see [`Engine::snapshot`].
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
