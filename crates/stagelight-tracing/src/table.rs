//! Finds an open span's key by its id, without a lock.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, AtomicUsize, Ordering::*},
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use stagelight_core::layer_api::SpanKey;
use tracing::span::Id;

/// Threads that `sharded-slab`, which makes the Registry's ids, tells apart: 13 bits.
const THREADS: usize = 1 << 13;
/// Page `n` of a thread holds 64 × 2^n spans, so these hold four million.
const PAGES: usize = 16;
const FIRST_PAGE: u64 = 64;

/// The keys of all open spans that are in a request.
///
/// The Registry's ids are made of an address (38 bits), a thread (13) and a generation (13): taken apart, they name a place
/// that no other open span of the Registry has. That layout is a hint only. A place holds the whole id, which is compared, and an id that finds its
/// place taken goes to a map under a lock: with another subscriber's ids this is slower, and just as right.
///
/// # Memory
///
/// 128 KiB, and for each thread that ever made a span 16 to 32 bytes for each of its spans at the largest number that was open at once
/// (at least 64).
#[derive(Debug)]
pub(crate) struct Table {
    threads: Box<[OnceLock<Box<Pages>>]>,
    misplaced: Mutex<FxHashMap<u64, SpanKey>>,
    /// How many are in `misplaced`, so that a look-up seldom needs its lock.
    misplaced_len: AtomicUsize,
}

type Pages = [OnceLock<Box<[Place]>>; PAGES];

/// Free when the id is zero, which no span has.
#[derive(Debug, Default)]
struct Place {
    id: AtomicU64,
    key: AtomicU64,
}

// === impl Table ===

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            threads: (0..THREADS).map(|_| OnceLock::new()).collect(),
            misplaced: Mutex::default(),
            misplaced_len: AtomicUsize::new(0),
        }
    }

    /// Remembers the key of a span that has just been made.
    pub(crate) fn insert(&self, id: &Id, key: SpanKey) {
        let id = id.into_u64();
        if let Some(place) = self.place(id).or_else(|| self.grow(id))
            && place.id.compare_exchange(0, id, Relaxed, Relaxed).is_ok()
        {
            // Nobody else knows the id yet, so nobody reads between these two.
            place.key.store(key.to_bits(), Release);
            return;
        }
        self.misplace(id, key);
    }

    /// Returns the key of an open span, or [`SpanKey::NONE`].
    #[inline]
    pub(crate) fn get(&self, id: &Id) -> SpanKey {
        let id = id.into_u64();
        match self.place(id) {
            Some(place) if place.id.load(Acquire) == id => {
                SpanKey::from_bits(place.key.load(Acquire))
            }
            _ if self.misplaced_len.load(Relaxed) == 0 => SpanKey::NONE,
            _ => self.misplaced.lock().get(&id).copied().unwrap_or_default(),
        }
    }

    /// Forgets a span that closes, and returns its key. It must be forgotten: its id comes again.
    #[inline]
    pub(crate) fn remove(&self, id: &Id) -> SpanKey {
        let id = id.into_u64();
        match self.place(id) {
            Some(place) if place.id.load(Acquire) == id => {
                let key = place.key.load(Acquire);
                place.id.store(0, Release);
                SpanKey::from_bits(key)
            }
            _ if self.misplaced_len.load(Relaxed) == 0 => SpanKey::NONE,
            _ => self.remove_misplaced(id),
        }
    }

    #[inline]
    fn place(&self, id: u64) -> Option<&Place> {
        let (thread, page, position) = locate(id);
        self.threads.get(thread)?.get()?.get(page)?.get()?.get(position)
    }

    #[cold]
    fn grow(&self, id: u64) -> Option<&Place> {
        let (thread, page, position) = locate(id);
        let pages =
            self.threads.get(thread)?.get_or_init(|| Box::new([const { OnceLock::new() }; PAGES]));
        let len = FIRST_PAGE << page;
        pages.get(page)?.get_or_init(|| (0..len).map(|_| Place::default()).collect()).get(position)
    }

    #[cold]
    fn misplace(&self, id: u64, key: SpanKey) {
        self.misplaced.lock().insert(id, key);
        self.misplaced_len.fetch_add(1, Relaxed);
    }

    #[cold]
    fn remove_misplaced(&self, id: u64) -> SpanKey {
        let Some(key) = self.misplaced.lock().remove(&id) else { return SpanKey::NONE };
        self.misplaced_len.fetch_sub(1, Relaxed);
        key
    }
}

/// Takes a Registry id apart: its thread, and page and position in that thread's pages.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "masked")]
fn locate(id: u64) -> (usize, usize, usize) {
    let id = id - 1;
    let address = (id & ((1 << 38) - 1)) + FIRST_PAGE;
    let page = address.ilog2() - FIRST_PAGE.ilog2();
    let thread = (id >> 38) as usize & (THREADS - 1);
    (thread, page as usize, (address - (FIRST_PAGE << page)) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::HashMap;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_whatever_the_ids_look_like(
            steps in prop::collection::vec((0_u8..3, prop_oneof![1_u64..300, any::<u64>().prop_map(|it| it.max(1)), (1_u64..40).prop_map(|it| it << 38 | 7)]), 0..200),
        ) {
            let table = Table::new();
            let mut model = HashMap::new();
            for (number, (step, id)) in (1..).zip(steps) {
                let key = SpanKey::from_bits(number);
                let id = Id::from_u64(id);
                match step {
                    0 => {
                        model.entry(id.into_u64()).or_insert_with(|| {
                            table.insert(&id, key);
                            key
                        });
                    }
                    1 => prop_assert_eq!(table.remove(&id), model.remove(&id.into_u64()).unwrap_or_default()),
                    _ => prop_assert_eq!(table.get(&id), model.get(&id.into_u64()).copied().unwrap_or_default()),
                }
            }
        }
    }

    #[test]
    fn two_ids_with_one_place_are_both_found() {
        let table = Table::new();
        let (first, second) = (Id::from_u64(5), Id::from_u64(5 | 1 << 60));
        table.insert(&first, SpanKey::from_bits(1));
        table.insert(&second, SpanKey::from_bits(2));
        assert_eq!(table.get(&second), SpanKey::from_bits(2));
        assert_eq!(table.remove(&first), SpanKey::from_bits(1));
        assert_eq!(table.remove(&second), SpanKey::from_bits(2));
        assert_eq!(table.get(&second), SpanKey::NONE);
    }
}
