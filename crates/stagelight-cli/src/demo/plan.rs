//! The requests of the clients, generated from the seed.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

/// One request.
///
/// Of 100 requests, about 5 list the models, 3 have a wrong key, 3 an invalid field and 1 an
/// unknown model. The others request a completion, 3 of 4 as a stream. The client cancels
/// 1 of 12 streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Lists the models.
    ListModels,
    /// Requests a completion.
    Chat(Chat),
}

/// A completion request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chat {
    model: String,
    /// Words in the prompt.
    words: usize,
    is_stream: bool,
    flaw: Option<Flaw>,
}

/// The fault of a completion request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    WrongKey,
    InvalidField,
    UnknownModel,
    /// The client cancels after this many chunks of the response.
    Cancels {
        after: u32,
    },
}

// === impl Plan ===

impl Plan {
    /// Generates the request with number `sequence`, which depends on nothing but the arguments.
    pub(super) fn generate(seed: u64, sequence: u64, models: &[String]) -> Self {
        // A multiple of the golden ratio spreads the states of neighbouring sequences and seeds.
        let state = seed ^ sequence.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = StdRng::seed_from_u64(state);
        // All values are generated for every kind, so that changing one does not shift the others.
        let kind = rng.random_range(0..100);
        let model = models.get(rng.random_range(0..models.len().max(1)));
        let is_stream = rng.random_bool(0.75);
        let cancels = rng.random_bool(1.0 / 12.0).then(|| rng.random_range(1..5));
        let words = rng.random_range(3..200);

        let flaw = match kind {
            0..5 => return Self::ListModels,
            5..8 => Some(Flaw::WrongKey),
            8..11 => Some(Flaw::InvalidField),
            11 => Some(Flaw::UnknownModel),
            _ => cancels.filter(|_| is_stream).map(|after| Flaw::Cancels { after }),
        };
        let model = model.cloned().unwrap_or_default();
        Self::Chat(Chat { model, words, is_stream, flaw })
    }
}

// === impl Chat ===

impl Chat {
    pub(super) fn has_wrong_key(&self) -> bool {
        self.flaw == Some(Flaw::WrongKey)
    }

    /// Returns the number of response chunks after which the client cancels.
    pub(super) fn cancels_after(&self) -> Option<u32> {
        match self.flaw {
            Some(Flaw::Cancels { after }) => Some(after),
            _ => None,
        }
    }

    /// Returns the request's body.
    pub(super) fn body(&self) -> Value {
        let is = |flaw| self.flaw == Some(flaw);
        let model = if is(Flaw::UnknownModel) { "no-such-model" } else { &self.model };
        let mut body = json!({
            "model": model,
            "messages": [{"role": "user", "content": "why ".repeat(self.words)}],
            "stream": self.is_stream,
        });
        if is(Flaw::InvalidField) {
            body["temperature"] = json!(7);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(seed: u64) -> Vec<Plan> {
        let models = ["a".to_owned(), "b".to_owned()];
        (0..10_000).map(|sequence| Plan::generate(seed, sequence, &models)).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_requests() {
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
    }

    #[test]
    fn the_mix_is_as_documented() {
        let plans = plans(1);
        let count = |fits: &dyn Fn(&Chat) -> bool| {
            plans.iter().filter(|it| matches!(it, Plan::Chat(chat) if fits(chat))).count()
        };
        let near = |count: usize, expected: usize| count.abs_diff(expected) < expected / 5;

        assert!(near(plans.iter().filter(|it| **it == Plan::ListModels).count(), 500));
        assert!(near(count(&Chat::has_wrong_key), 300));
        assert!(near(count(&|it| it.body()["temperature"] == 7), 300));
        assert!(near(count(&|it| it.body()["model"] == "no-such-model"), 100));
        assert!(near(count(&|it| it.is_stream), 7_125));
        assert!(near(count(&|it| it.cancels_after().is_some()), 550));
        assert!(near(count(&|it| it.model == "a"), 4_750));
    }

    #[test]
    fn only_streams_are_cancelled() {
        for plan in plans(3) {
            let Plan::Chat(chat) = plan else { continue };
            assert!(chat.is_stream || chat.cancels_after().is_none());
        }
    }
}
