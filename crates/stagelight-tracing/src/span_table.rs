//! Finds an open span's key by its id, without a lock.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, AtomicUsize, Ordering::*},
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use stagelight_core::layer_api::SpanKey;
use tracing::span::Id;

/// Threads in the ids of `sharded-slab`, which allocates the Registry's ids: 13 bits.
const THREADS: usize = 1 << 13;
/// Pages per thread. Page `n` holds 64 × 2^n spans, so these hold four million.
const PAGES: usize = 16;
const FIRST_PAGE: u64 = 64;

/// The keys of all open spans of requests.
///
/// The Registry's ids consist of an address (38 bits), a thread (13) and a generation (13), which
/// select a slot that no other open span of the Registry has. This layout is only a hint: a slot
/// holds the whole id, which is compared. If the slot is taken, the id goes to a map under a lock.
/// Ids of any other subscriber are therefore slower, but correct.
///
/// # Memory
///
/// 128 KiB, and for each thread that has created a span 16 to 32 bytes per span, for the largest
/// number of spans open at once (at least 64).
#[derive(Debug)]
pub(crate) struct SpanTable {
    threads: Box<[OnceLock<Box<Pages>>]>,
    overflow: Mutex<FxHashMap<u64, SpanKey>>,
    /// The size of `overflow`, so that a look-up rarely needs its lock.
    overflow_len: AtomicUsize,
}

type Pages = [OnceLock<Box<[Slot]>>; PAGES];

/// Free if the id is zero, which no span has.
#[derive(Debug, Default)]
struct Slot {
    id: AtomicU64,
    key: AtomicU64,
}

// === impl SpanTable ===

impl SpanTable {
    pub(crate) fn new() -> Self {
        Self {
            threads: (0..THREADS).map(|_| OnceLock::new()).collect(),
            overflow: Mutex::default(),
            overflow_len: AtomicUsize::new(0),
        }
    }

    /// Inserts the key of a new span.
    pub(crate) fn insert(&self, id: &Id, key: SpanKey) {
        let id = id.into_u64();
        if let Some(slot) = self.slot(id).or_else(|| self.grow(id))
            && slot.id.compare_exchange(0, id, Relaxed, Relaxed).is_ok()
        {
            // No other thread knows the id yet, so none reads in between.
            slot.key.store(key.to_bits(), Release);
            return;
        }
        self.insert_overflow(id, key);
    }

    /// Returns the key of an open span, or [`SpanKey::NONE`].
    #[inline]
    pub(crate) fn get(&self, id: &Id) -> SpanKey {
        let id = id.into_u64();
        match self.slot(id) {
            Some(slot) if slot.id.load(Acquire) == id => SpanKey::from_bits(slot.key.load(Acquire)),
            _ if self.overflow_len.load(Relaxed) == 0 => SpanKey::NONE,
            _ => self.overflow.lock().get(&id).copied().unwrap_or_default(),
        }
    }

    /// Removes a span that closes, and returns its key. Every span must be removed, because its id
    /// is reused.
    #[inline]
    pub(crate) fn remove(&self, id: &Id) -> SpanKey {
        let id = id.into_u64();
        match self.slot(id) {
            Some(slot) if slot.id.load(Acquire) == id => {
                let key = slot.key.load(Acquire);
                slot.id.store(0, Release);
                SpanKey::from_bits(key)
            }
            _ if self.overflow_len.load(Relaxed) == 0 => SpanKey::NONE,
            _ => self.remove_overflow(id),
        }
    }

    #[inline]
    fn slot(&self, id: u64) -> Option<&Slot> {
        let (thread, page, position) = locate(id);
        self.threads.get(thread)?.get()?.get(page)?.get()?.get(position)
    }

    #[cold]
    fn grow(&self, id: u64) -> Option<&Slot> {
        let (thread, page, position) = locate(id);
        let pages =
            self.threads.get(thread)?.get_or_init(|| Box::new([const { OnceLock::new() }; PAGES]));
        let len = FIRST_PAGE << page;
        pages.get(page)?.get_or_init(|| (0..len).map(|_| Slot::default()).collect()).get(position)
    }

    #[cold]
    fn insert_overflow(&self, id: u64, key: SpanKey) {
        self.overflow.lock().insert(id, key);
        self.overflow_len.fetch_add(1, Relaxed);
    }

    #[cold]
    fn remove_overflow(&self, id: u64) -> SpanKey {
        let Some(key) = self.overflow.lock().remove(&id) else { return SpanKey::NONE };
        self.overflow_len.fetch_sub(1, Relaxed);
        key
    }
}

/// Splits a Registry id into its thread, and the page and position in that thread's pages.
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

    /// Small ids, random ones, and ones that differ only in the thread.
    fn ids() -> impl Strategy<Value = u64> {
        prop_oneof![
            1_u64..300,
            any::<u64>().prop_map(|it| it.max(1)),
            (1_u64..40).prop_map(|it| it << 38 | 7)
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map_for_any_ids(steps in prop::collection::vec((0_u8..3, ids()), 0..200)) {
            let table = SpanTable::new();
            let mut model = HashMap::new();
            for (number, (step, id)) in (1..).zip(steps) {
                let key = SpanKey::from_bits(number);
                let id = Id::from_u64(id);
                let expected = model.get(&id.into_u64()).copied().unwrap_or_default();
                match step {
                    0 => {
                        model.entry(id.into_u64()).or_insert_with(|| {
                            table.insert(&id, key);
                            key
                        });
                    }
                    1 => {
                        prop_assert_eq!(table.remove(&id), expected);
                        model.remove(&id.into_u64());
                    }
                    _ => prop_assert_eq!(table.get(&id), expected),
                }
            }
        }
    }

    #[test]
    fn two_ids_with_the_same_slot_are_both_found() {
        let table = SpanTable::new();
        let (first, second) = (Id::from_u64(5), Id::from_u64(5 | 1 << 60));
        table.insert(&first, SpanKey::from_bits(1));
        table.insert(&second, SpanKey::from_bits(2));
        assert_eq!(table.get(&second), SpanKey::from_bits(2));
        assert_eq!(table.remove(&first), SpanKey::from_bits(1));
        assert_eq!(table.remove(&second), SpanKey::from_bits(2));
        assert_eq!(table.get(&second), SpanKey::NONE);
    }
}
