//! Takes the figures: each side in turn, again and again.

use std::{env, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{
    child::Child,
    http::{self, Client},
    instructions,
    recording::{self, Load},
};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Turns that each side gets for each load.
    pub turns: u32,
    /// Nanoseconds that a turn takes, about.
    pub turn_nanos: f64,
    /// HTTP requests of a turn.
    pub http_requests: u64,
}

/// The least and the median of a side's turns.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    pub min: f64,
    pub median: f64,
}

/// What one request of a recording side costs.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    pub name: &'static str,
    pub title: &'static str,
    pub note: &'static str,
    /// The least figure of one thread, as a multiple of the base's.
    pub ratio: f64,
    /// Nanoseconds on one thread.
    pub one_thread: Figure,
    /// Nanoseconds on each of two threads that record into the same series.
    pub two_threads: Figure,
    /// Nanoseconds on each of two threads that record into series of their own.
    pub two_threads_own_series: Figure,
    /// On the request's own thread.
    pub allocations: f64,
    /// On the request's own thread; nothing where valgrind is not installed.
    pub instructions: Option<f64>,
}

/// What one request of an HTTP side costs the server.
#[derive(Clone, Debug, Serialize)]
pub struct Served {
    pub name: &'static str,
    pub title: &'static str,
    pub note: &'static str,
    /// What is added to the base, as a multiple of what the yardstick adds; of the least figures. Nothing for the base.
    pub ratio: Option<f64>,
    /// What is added to the base, in nanoseconds.
    pub added: Option<Figure>,
    /// Processor time of the server on one thread, in nanoseconds, all its threads together.
    pub cpu: Figure,
    /// The same of a server on two threads that record into the same series.
    pub cpu_two_threads: Figure,
    /// The same of a server on two threads that record into series of their own.
    pub cpu_two_threads_own_series: Figure,
}

pub const ONE: Load = Load { threads: 1, same_series: true };
const TWO: Load = Load { threads: 2, same_series: true };
const TWO_OWN: Load = Load { threads: 2, same_series: false };

// === impl Figure ===

impl Figure {
    fn of(mut turns: Vec<f64>) -> Self {
        turns.sort_by(f64::total_cmp);
        Self { min: turns[0], median: turns[turns.len() / 2] }
    }

    fn beyond(self, base: Self) -> Self {
        Self { min: self.min - base.min, median: self.median - base.median }
    }
}

/// Processes that each side is started as, one after the other: where a process has its memory is luck, and lasts as long as it does.
const ROUNDS: u32 = 4;

/// Measures all recording sides.
///
/// # Errors
///
/// If a side fails, or does not record what it was asked to.
pub fn recording(effort: Effort, with_instructions: bool) -> Result<Vec<Recorded>> {
    let sides: Vec<_> = recording::sides().collect();
    let mut nanos = [ONE, TWO, TWO_OWN].map(|_| vec![Vec::new(); sides.len()]);
    for _ in 0..ROUNDS {
        round(&sides, effort, &mut nanos)?;
    }
    let [one, two, own] = nanos.map(|it| it.into_iter().map(Figure::of).collect::<Vec<_>>());
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

/// Starts all sides, gives each its turns of each load, and adds what they took.
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
        let asked = u64::from(turns) * u64::from(requests) * 5;
        if let Some(recorded) = child.recorded()? {
            ensure!(asked <= recorded, "{} recorded {recorded} of {asked} requests", child.name);
        }
    }
    Ok(())
}

/// Returns the allocations of a request, counted by the other program of this package.
fn allocations(side: &str) -> Result<f64> {
    let program = env::current_exe()?.with_file_name("allocations");
    let output = Command::new(&program).arg(side).output().context("`allocations` is not built")?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Measures all HTTP sides.
///
/// # Errors
///
/// If a side fails, or does not record what it was asked to.
pub fn http(effort: Effort) -> Result<Vec<Served>> {
    let sides: Vec<_> = http::sides().collect();
    let mut nanos = [ONE, TWO, TWO_OWN].map(|_| vec![Vec::new(); sides.len()]);
    for _ in 0..ROUNDS {
        let [one, two, own] = &mut nanos;
        http_round(&sides, effort, 1, &mut [(ONE, one)])?;
        http_round(&sides, effort, 2, &mut [(TWO, two), (TWO_OWN, own)])?;
    }
    let [costs, two, own] = nanos.map(|it| it.into_iter().map(Figure::of).collect::<Vec<_>>());
    let position = |name| sides.iter().position(|it| it.name == name);
    let base = costs[position(http::BASE).context("no base")?];
    // Other projects may be left out of this build, and the yardstick with them.
    let yardstick = position(http::YARDSTICK).map(|at| costs[at].min - base.min);
    let row = |(at, side): (usize, &&http::Side)| {
        let &http::Side { name, title, note, .. } = *side;
        let cpu = costs[at];
        let added = (name != http::BASE).then(|| cpu.beyond(base));
        let ratio = added.zip(yardstick).map(|(added, yardstick)| added.min / yardstick);
        let (cpu_two_threads, cpu_two_threads_own_series) = (two[at], own[at]);
        Served { name, title, note, ratio, added, cpu, cpu_two_threads, cpu_two_threads_own_series }
    };
    Ok(sides.iter().enumerate().map(row).collect())
}

/// Starts all sides on this many threads, gives each its turns of each load, and adds what they took.
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
        client.ask(effort.http_requests, true)?;
        clients.push(client);
    }
    let turns = effort.turns.div_ceil(ROUNDS);
    for (load, nanos) in &mut *loads {
        for _ in 0..turns {
            for (at, child) in children.iter_mut().enumerate() {
                let before = child.cpu()?;
                let asked = clients[at].ask(effort.http_requests, load.same_series)?;
                nanos[at].push((child.cpu()? - before) / asked as f64);
            }
        }
    }
    let asked = effort.http_requests * (u64::from(turns) * loads.len() as u64 + 1);
    for child in &mut children {
        if let Some(recorded) = child.recorded()? {
            ensure!(asked <= recorded, "{} recorded {recorded} of {asked} requests", child.name);
        }
    }
    Ok(())
}
