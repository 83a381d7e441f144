//! A process' memory and its growth.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::time::{Instant, interval};

/// The sampling interval.
const EVERY: Duration = Duration::from_millis(500);
/// The part of a run in which pools, caches and the allocator's arenas grow to their working size.
const WARM_UP: f64 = 0.4;

/// The memory of one process over time: seconds since the start, and KiB.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Vec<(f64, f64)>);

/// The memory after the warm-up.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Growth {
    /// Slope of the least-squares line.
    pub(crate) kib_per_minute: f64,
    pub(crate) first_kib: f64,
    pub(crate) last_kib: f64,
    pub(crate) most_kib: f64,
    pub(crate) samples: usize,
}

// === impl Memory ===

impl Memory {
    /// Samples a process until `end`.
    pub(crate) async fn watch(process: u32, end: impl Future<Output = ()>) -> Result<Self> {
        let started = Instant::now();
        let mut samples = Self::default();
        let mut ticks = interval(EVERY);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return Ok(samples),
                _ = ticks.tick() => {
                    samples.0.push((started.elapsed().as_secs_f64(), resident_kib(process).await?));
                }
            }
        }
    }

    /// Returns the growth after the warm-up; `None` with too few samples.
    pub(crate) fn growth(&self) -> Option<Growth> {
        let from = self.0.last()?.0 * WARM_UP;
        let samples: Vec<_> = self.0.iter().copied().filter(|it| from <= it.0).collect();
        Some(Growth {
            kib_per_minute: slope(&samples)? * 60.0,
            first_kib: samples.first()?.1,
            last_kib: samples.last()?.1,
            most_kib: self.0.iter().map(|it| it.1).fold(0.0, f64::max),
            samples: samples.len(),
        })
    }
}

/// Returns the slope of the least-squares line.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|it| it.0), mean(|it| it.1));
    let over = points.iter().map(|it| (it.0 - x) * (it.1 - y)).sum::<f64>();
    let under = points.iter().map(|it| (it.0 - x).powi(2)).sum::<f64>();
    (2 <= points.len() && 0.0 < under).then(|| over / under)
}

/// Returns a process' anonymous resident memory, in KiB.
async fn resident_kib(process: u32) -> Result<f64> {
    value_of(process, "RssAnon").await
}

/// Returns the number of threads of a process.
pub(crate) async fn threads(process: u32) -> Result<f64> {
    value_of(process, "Threads").await
}

async fn value_of(process: u32, name: &str) -> Result<f64> {
    let path = format!("/proc/{process}/status");
    let text = tokio::fs::read_to_string(&path).await.with_context(|| path.clone())?;
    let line = text.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|it| it.split_whitespace().next());
    let number = number.with_context(|| format!("no {name} in {path}"))?;
    Ok(number.parse()?)
}

/// Returns the number of open files and sockets of a process.
pub(crate) async fn open_files(process: u32) -> Result<usize> {
    let mut entries = tokio::fs::read_dir(format!("/proc/{process}/fd")).await?;
    let mut count = 0;
    while entries.next_entry().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_have_its_slope() {
        let points: Vec<_> = (0..10).map(|it| (f64::from(it), 3.0 + 0.5 * f64::from(it))).collect();
        assert_eq!(slope(&points), Some(0.5));
        assert_eq!(slope(&points[..1]), None);
    }

    #[test]
    fn growth_in_the_warm_up_does_not_count() {
        let memory = (0..100).map(|it| (f64::from(it), if it < 30 { f64::from(it) } else { 30.0 }));
        let growth = Memory(memory.collect()).growth().unwrap();
        assert_eq!((growth.kib_per_minute, growth.most_kib), (0.0, 30.0));
    }

    #[test]
    fn a_leak_has_its_slope() {
        let memory = (0..100).map(|it| (f64::from(it), f64::from(it)));
        assert_eq!(Memory(memory.collect()).growth().unwrap().kib_per_minute, 60.0);
    }
}
