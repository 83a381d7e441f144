//! Times requests on threads.

use std::{sync::Barrier, thread, time::Instant};

use serde::{Deserialize, Serialize};

use crate::recording::Running;

/// Number of requests on each thread before the measurement.
pub(crate) const WARM_UP: u32 = 500;
const ENDPOINTS: [&str; 2] = ["/v1/chat/completions", "/v1/embeddings"];

/// The load of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// One or two.
    pub threads: usize,
    /// Whether the threads record into the same series.
    pub same_series: bool,
}

/// Runs `requests` requests on each thread. Returns nanoseconds per request, the mean of the
/// threads.
///
/// # Panics
///
/// If the side panics.
pub fn time(side: &Running, load: Load, requests: u32) -> f64 {
    let barrier = Barrier::new(load.threads);
    let run = |thread: usize| {
        let endpoint = ENDPOINTS[if load.same_series { 0 } else { thread }];
        (0..WARM_UP).for_each(|_| request(side, endpoint));
        barrier.wait();
        let start = Instant::now();
        (0..requests).for_each(|_| request(side, endpoint));
        start.elapsed().as_secs_f64() * 1e9 / f64::from(requests)
    };
    let run = &run;
    let nanos: Vec<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..load.threads).map(|it| scope.spawn(move || run(it))).collect();
        threads.into_iter().map(|it| it.join().expect("a side panicked")).collect()
    });
    nanos.iter().sum::<f64>() / nanos.len() as f64
}

/// One request, as a function that the instruction counter finds by name.
#[inline(never)]
fn request(side: &Running, endpoint: &'static str) {
    (side.request)(endpoint);
}
