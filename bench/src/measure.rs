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
    /// Of all threads; nothing where valgrind is not installed.
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
    /// Processor time of the server, in nanoseconds, all threads together.
    pub cpu: Figure,
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

/// Measures all recording sides.
///
/// # Errors
///
/// If a side fails, or does not record what it was asked to.
pub fn recording(effort: Effort, with_instructions: bool) -> Result<Vec<Recorded>> {
    let sides: Vec<_> = recording::sides().collect();
    let mut children =
        sides.iter().map(|it| Child::start("recording", it.name)).collect::<Result<Vec<_>>>()?;
    let mut requests = Vec::new();
    for child in &mut children {
        let nanos = child.time(ONE, 2_000)?;
        requests.push((effort.turn_nanos / nanos).clamp(500.0, 2e6) as u32);
    }
    let [one, two, own] =
        [ONE, TWO, TWO_OWN].map(|load| turns(&mut children, &requests, effort, load));
    let (one, two, own) = (one?, two?, own?);
    let base = sides.iter().position(|it| it.name == recording::BASE).context("no base")?;
    let mut rows = Vec::new();
    for (at, side) in sides.iter().enumerate() {
        let asked = u64::from(effort.turns) * u64::from(requests[at]) * 5;
        if let Some(recorded) = children[at].recorded()? {
            ensure!(asked <= recorded, "{} recorded {recorded} of {asked} requests", side.name);
        }
        rows.push(Recorded {
            name: side.name,
            title: side.title,
            note: side.note,
            ratio: one[at].min / one[base].min,
            one_thread: one[at],
            two_threads: two[at],
            two_threads_own_series: own[at],
            allocations: allocations(side.name)?,
            instructions: with_instructions.then(|| instructions::count(side.name)).transpose()?,
        });
    }
    Ok(rows)
}

fn turns(
    children: &mut [Child],
    requests: &[u32],
    effort: Effort,
    load: Load,
) -> Result<Vec<Figure>> {
    let mut times = vec![Vec::new(); children.len()];
    for _ in 0..effort.turns {
        for (at, child) in children.iter_mut().enumerate() {
            times[at].push(child.time(load, requests[at])?);
        }
    }
    Ok(times.into_iter().map(Figure::of).collect())
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
    let mut children =
        sides.iter().map(|it| Child::start("http", it.name)).collect::<Result<Vec<_>>>()?;
    let mut clients = Vec::new();
    for child in &mut children {
        let mut client = Client::connect(child.port()?)?;
        client.ask(effort.http_requests)?;
        clients.push(client);
    }
    let mut costs = vec![Vec::new(); sides.len()];
    for _ in 0..effort.turns {
        for (at, child) in children.iter_mut().enumerate() {
            let before = child.cpu()?;
            let asked = clients[at].ask(effort.http_requests)?;
            costs[at].push((child.cpu()? - before) / asked as f64);
        }
    }
    let costs: Vec<_> = costs.into_iter().map(Figure::of).collect();
    let position = |name| sides.iter().position(|it| it.name == name);
    let base = costs[position(http::BASE).context("no base")?];
    // Other projects may be left out of this build, and the yardstick with them.
    let yardstick = position(http::YARDSTICK).map(|at| costs[at].min - base.min);
    let mut rows = Vec::new();
    for ((side, child), cpu) in sides.iter().zip(&mut children).zip(costs.iter().copied()) {
        let asked = effort.http_requests * u64::from(effort.turns + 1);
        if let Some(recorded) = child.recorded()? {
            ensure!(asked <= recorded, "{} recorded {recorded} of {asked} requests", side.name);
        }
        let &http::Side { name, title, note, .. } = *side;
        let added = (name != http::BASE).then(|| cpu.beyond(base));
        let ratio = added.zip(yardstick).map(|(added, yardstick)| added.min / yardstick);
        rows.push(Served { name, title, note, ratio, added, cpu });
    }
    Ok(rows)
}
