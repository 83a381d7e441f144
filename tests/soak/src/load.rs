//! All the clients at once.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use rand::RngExt;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    client::Client,
    draw::{Draw, Serials},
    shape::{Goal, Part, SHAPES},
    tally::Tally,
};

/// Clients whose requests are quick: enough that the service never waits for them.
const QUICK: u64 = 24;
/// Clients that mostly wait.
const SLOW: u64 = 64;
/// Clients of each flood.
const FLOODING: u64 = 2;
/// How many requests of a flood are sent at once.
const AT_ONCE: usize = 32;
/// The part of a run over which a flood is spread, if the service keeps up with it; of the jobs it is a smaller one, because each series that they make
/// takes memory, and what is looked for is memory that grows when there is nothing new any more.
const SPREAD: f64 = 0.9;
const SPREAD_OF_JOBS: f64 = 0.2;

/// How much is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) at_least: Duration,
    pub(crate) paths: u64,
    pub(crate) models: u64,
    pub(crate) jobs: u64,
}

/// One client's part.
#[derive(Debug)]
struct Worker {
    draw: Draw,
    client: Client,
    plan: Plan,
    until: Instant,
    tally: Tally,
}

/// Sends at least as much, and at least as long, as planned; returns what was seen.
pub(crate) async fn run(service: SocketAddr, plan: Plan) -> Result<Tally> {
    let serials = Arc::new(Serials::default());
    let until = Instant::now() + plan.at_least;
    let mut number = 0;
    let mut workers = JoinSet::new();
    let mut worker = || {
        number += 1;
        let draw = Draw::new(plan.seed, number, &serials);
        Worker { draw, client: Client::new(service), plan, until, tally: Tally::default() }
    };
    // One of each first, so that well-behaved names are known before the others come.
    let mut tally = worker().one_of_each_quick().await;
    for (shape, kind) in SHAPES.iter().enumerate() {
        if matches!(kind.part, Part::Flood(_)) {
            for _ in 0..FLOODING {
                workers.spawn(worker().flood(shape));
            }
        }
    }
    for _ in 0..QUICK {
        workers.spawn(worker().quick());
    }
    for start in 0..SLOW {
        workers.spawn(worker().slow(start));
    }
    while let Some(ended) = workers.join_next().await {
        tally.merge(ended?);
    }
    Ok(tally)
}

// === impl Plan ===

impl Plan {
    fn goal(&self, goal: Goal) -> u64 {
        match goal {
            Goal::Paths => self.paths,
            Goal::Models => self.models,
            Goal::Jobs => self.jobs,
        }
    }
}

// === impl Worker ===

impl Worker {
    async fn one_of_each_quick(mut self) -> Tally {
        for (shape, kind) in SHAPES.iter().enumerate() {
            if matches!(kind.part, Part::Quick(_)) {
                self.ask(shape).await;
            }
        }
        self.tally
    }

    async fn flood(mut self, shape: usize) -> Tally {
        let Part::Flood(goal) = SHAPES[shape].part else { return self.tally };
        let all = self.plan.goal(goal).div_ceil(FLOODING);
        let begun = Instant::now();
        let spread = if goal == Goal::Jobs { SPREAD_OF_JOBS } else { SPREAD };
        let mut sent = 0;
        while sent < all {
            let due = self.plan.at_least.mul_f64(spread * sent as f64 / all as f64);
            sleep_until(begun + due).await;
            let count = (all - sent).min(AT_ONCE as u64);
            sent += count;
            let asks: Vec<_> = (0..count).map(|_| (SHAPES[shape].ask)(&mut self.draw)).collect();
            for seen in self.client.exchange_many(&asks).await {
                self.tally.add(shape, seen);
            }
        }
        self.tally
    }

    async fn quick(mut self) -> Tally {
        let weight = |part| if let Part::Quick(weight) = part { weight } else { 0 };
        let all: u32 = SHAPES.iter().map(|it| weight(it.part)).sum();
        while Instant::now() < self.until {
            let mut drawn = self.draw.rng.random_range(0..all);
            let chosen = SHAPES.iter().position(|it| {
                let weight = weight(it.part);
                let is_it = drawn < weight;
                drawn = drawn.saturating_sub(weight);
                is_it
            });
            self.ask(chosen.unwrap_or_default()).await;
        }
        self.tally
    }

    async fn slow(mut self, start: u64) -> Tally {
        let slow: Vec<_> = (0..SHAPES.len()).filter(|&it| SHAPES[it].part == Part::Slow).collect();
        let from = usize::try_from(start).unwrap_or_default();
        for &shape in slow.iter().cycle().skip(from) {
            if self.until <= Instant::now() {
                break;
            }
            self.ask(shape).await;
        }
        self.tally
    }

    async fn ask(&mut self, shape: usize) {
        let kind = &SHAPES[shape];
        let ask = (kind.ask)(&mut self.draw);
        let seen = self.client.exchange(kind, &ask, &mut self.draw.rng).await;
        self.tally.add(shape, seen);
    }
}
