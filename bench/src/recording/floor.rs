//! The lower limit: no instrumentation, and clock reads with histograms only.

use std::{cell::RefCell, hint::black_box};

use anyhow::Result;

use crate::recording::{Running, spans};

pub(super) fn nothing() -> Result<Running> {
    let request = |endpoint| {
        black_box(endpoint);
        (0..spans::STAGES.len()).for_each(|_| spans::work());
    };
    Ok(Running { request: Box::new(request), recorded: Box::new(|| None) })
}

/// A histogram with a bucket for each power of two, and the sum.
#[derive(Clone, Copy)]
struct Histogram {
    buckets: [u64; 64],
    sum: u64,
}

thread_local! {
    static HISTOGRAMS: RefCell<[Histogram; 6]> =
        const { RefCell::new([Histogram { buckets: [0; 64], sum: 0 }; 6]) };
}

/// Two clock reads and one recorded value for the request and for each stage.
pub(super) fn floor() -> Result<Running> {
    let clock = quanta::Clock::new();
    let timed = move |position: usize, work: &dyn Fn()| {
        let start = clock.raw();
        work();
        let nanos = clock.delta_as_nanos(start, clock.raw());
        HISTOGRAMS.with_borrow_mut(|it| {
            it[position].buckets[(63 - (nanos | 1).leading_zeros()) as usize] += 1;
            it[position].sum += nanos;
        });
    };
    let request = move |endpoint| {
        black_box(endpoint);
        timed(5, &|| (0..5).for_each(|stage| timed(stage, &spans::work)));
    };
    Ok(Running { request: Box::new(request), recorded: Box::new(|| None) })
}
