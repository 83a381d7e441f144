//! Measures all sides in turns.

use std::{env, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{
    child::Child,
    http::{self, Client},
    instructions,
    recording::{self, Load},
};

/// The length of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Number of turns for each side and load.
    pub turns: u32,
    /// Approximate length of a turn, in nanoseconds.
    pub turn_nanos: f64,
    /// Number of HTTP requests in a turn.
    pub http_requests: u64,
}

/// Minimum and median of a side's turns.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    pub min: f64,
    pub median: f64,
}

/// The cost of recording one request.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    pub name: &'static str,
    pub title: &'static str,
    pub note: &'static str,
    /// Ratio of the minimum on one thread to the base's.
    pub ratio: f64,
    /// Nanoseconds on one thread.
    pub one_thread: Figure,
    /// Nanoseconds on each of two threads that record into the same series.
    pub two_threads: Figure,
    /// Nanoseconds on each of two threads that record into series of their own.
    pub two_threads_own_series: Figure,
    /// On the request's own thread.
    pub allocations: f64,
    /// On the request's own thread; `None` without valgrind.
    pub instructions: Option<f64>,
}

/// The cost of one HTTP request for the server.
#[derive(Clone, Debug, Serialize)]
pub struct Served {
    pub name: &'static str,
    pub title: &'static str,
    pub note: &'static str,
    /// Ratio of the added cost to that of the yardstick, from the minima. `None` for the base.
    pub ratio: Option<f64>,
    /// The cost added to the base, in nanoseconds.
    pub added: Option<Figure>,
    /// Processor time of a server on one thread, in nanoseconds.
    pub cpu: Figure,
    /// The same for two threads that record into the same series.
    pub cpu_two_threads: Figure,
    /// The same for two threads that record into series of their own.
    pub cpu_two_threads_own_series: Figure,
}

pub const ONE: Load = Load { threads: 1, same_series: true };
const TWO: Load = Load { threads: 2, same_series: true };
const TWO_OWN: Load = Load { threads: 2, same_series: false };

// === impl Figure ===

impl Figure {
    fn from_turns(mut turns: Vec<f64>) -> Self {
        turns.sort_by(f64::total_cmp);
        Self { min: turns[0], median: turns[turns.len() / 2] }
    }

    fn minus(self, base: Self) -> Self {
        Self { min: self.min - base.min, median: self.median - base.median }
    }
}

/// Number of processes per side. A process' memory layout is random and affects all its turns.
const ROUNDS: u32 = 4;

/// Measures all recording sides.
///
/// # Errors
///
/// If a side fails, or does not record all requests.
pub fn recording(effort: Effort, with_instructions: bool) -> Result<Vec<Recorded>> {
    let sides: Vec<_> = recording::sides().collect();
    let mut nanos = [ONE, TWO, TWO_OWN].map(|_| vec![Vec::new(); sides.len()]);
    for _ in 0..ROUNDS {
        round(&sides, effort, &mut nanos)?;
    }
    let [one, two, own] =
        nanos.map(|it| it.into_iter().map(Figure::from_turns).collect::<Vec<_>>());
    let base = sides.iter().position(|it| it.name == recording::BASE).context("no base")?;
    let row = |(at, side): (usize, &&recording::Side)| {
        Ok(Recorded {
            name: side.name,
            title: side.title,
            note: side.note,
            ratio: one[at].min / one[base].min,
            one_thread: one[at],
            two_threads: two[at],
            two_threads_own_series: own[at],
            allocations: allocations(side.name)?,
            instructions: with_instructions.then(|| instructions::count(side.name)).transpose()?,
        })
    };
    sides.iter().enumerate().map(row).collect()
}

/// Starts all sides, runs their turns of each load, and adds the times.
fn round(sides: &[&recording::Side], effort: Effort, nanos: &mut [Vec<Vec<f64>>; 3]) -> Result<()> {
    let start = |it: &&recording::Side| Child::start("recording", it.name, 1);
    let mut children = sides.iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut requests = Vec::new();
    for child in &mut children {
        let nanos = child.time(ONE, 2_000)?;
        requests.push((effort.turn_nanos / nanos).clamp(500.0, 2e6) as u32);
    }
    let turns = effort.turns.div_ceil(ROUNDS);
    for (nanos, load) in nanos.iter_mut().zip([ONE, TWO, TWO_OWN]) {
        for _ in 0..turns {
            for (at, child) in children.iter_mut().enumerate() {
                nanos[at].push(child.time(load, requests[at])?);
            }
        }
    }
    for (child, requests) in children.iter_mut().zip(requests) {
        // Two of the three loads have two threads.
        let sent = u64::from(turns) * u64::from(requests) * 5;
        if let Some(recorded) = child.recorded()? {
            ensure!(sent <= recorded, "{} recorded {recorded} of {sent} requests", child.name);
        }
    }
    Ok(())
}

/// Returns the allocations of a request, counted by the program `allocations`.
fn allocations(side: &str) -> Result<f64> {
    let program = env::current_exe()?.with_file_name("allocations");
    let output = Command::new(&program).arg(side).output().context("`allocations` is not built")?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Measures all HTTP sides.
///
/// # Errors
///
/// If a side fails, or does not record all requests.
pub fn http(effort: Effort) -> Result<Vec<Served>> {
    let sides: Vec<_> = http::sides().collect();
    let mut nanos = [ONE, TWO, TWO_OWN].map(|_| vec![Vec::new(); sides.len()]);
    for _ in 0..ROUNDS {
        let [one, two, own] = &mut nanos;
        http_round(&sides, effort, 1, &mut [(ONE, one)])?;
        http_round(&sides, effort, 2, &mut [(TWO, two), (TWO_OWN, own)])?;
    }
    let [costs, two, own] =
        nanos.map(|it| it.into_iter().map(Figure::from_turns).collect::<Vec<_>>());
    let position = |name| sides.iter().position(|it| it.name == name);
    let base = costs[position(http::BASE).context("no base")?];
    // A build without the other projects has no yardstick.
    let yardstick = position(http::YARDSTICK).map(|at| costs[at].min - base.min);
    let row = |(at, side): (usize, &&http::Side)| {
        let &http::Side { name, title, note, .. } = *side;
        let cpu = costs[at];
        let added = (name != http::BASE).then(|| cpu.minus(base));
        let ratio = added.zip(yardstick).map(|(added, yardstick)| added.min / yardstick);
        let (cpu_two_threads, cpu_two_threads_own_series) = (two[at], own[at]);
        Served { name, title, note, ratio, added, cpu, cpu_two_threads, cpu_two_threads_own_series }
    };
    Ok(sides.iter().enumerate().map(row).collect())
}

/// Starts all sides on this many threads, runs their turns of each load, and adds the times.
fn http_round(
    sides: &[&http::Side],
    effort: Effort,
    threads: usize,
    loads: &mut [(Load, &mut Vec<Vec<f64>>)],
) -> Result<()> {
    let start = |it: &&http::Side| Child::start("http", it.name, threads);
    let mut children = sides.iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut clients = Vec::new();
    for child in &mut children {
        let mut client = Client::connect(&child.ports()?)?;
        client.send(effort.http_requests, true)?;
        clients.push(client);
    }
    let turns = effort.turns.div_ceil(ROUNDS);
    for (load, nanos) in &mut *loads {
        for _ in 0..turns {
            for (at, child) in children.iter_mut().enumerate() {
                let before = child.cpu()?;
                let sent = clients[at].send(effort.http_requests, load.same_series)?;
                nanos[at].push((child.cpu()? - before) / sent as f64);
            }
        }
    }
    let sent = effort.http_requests * (u64::from(turns) * loads.len() as u64 + 1);
    for child in &mut children {
        if let Some(recorded) = child.recorded()? {
            ensure!(sent <= recorded, "{} recorded {recorded} of {sent} requests", child.name);
        }
    }
    Ok(())
}
