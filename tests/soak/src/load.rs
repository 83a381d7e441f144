//! All clients of a run.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use rand::RngExt;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    client::Client,
    counts::ClientCounts,
    requests::{RequestGenerator, Serials},
    shape::{Goal, REQUEST_KINDS, Schedule},
};

/// Clients with fast requests, enough to keep the service busy.
const QUICK: u64 = 24;
/// Clients that mostly wait.
const SLOW: u64 = 64;
/// Clients of each flood.
const FLOODING: u64 = 2;
/// Number of pipelined requests of a flood.
const AT_ONCE: usize = 32;
/// The part of a run over which a flood is spread, if the service keeps up. Jobs end earlier,
/// because they create series, and the check of memory needs a time without new series.
const SPREAD: f64 = 0.9;
const SPREAD_OF_JOBS: f64 = 0.2;

/// The extent of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) at_least: Duration,
    pub(crate) paths: u64,
    pub(crate) models: u64,
    pub(crate) jobs: u64,
}

/// A client with its requests and counts.
#[derive(Debug)]
struct Worker {
    generator: RequestGenerator,
    client: Client,
    plan: Plan,
    until: Instant,
    counts: ClientCounts,
}

/// Runs all clients until time and floods of the plan are complete; returns their observations.
pub(crate) async fn run(service: SocketAddr, plan: Plan) -> Result<ClientCounts> {
    let serials = Arc::new(Serials::default());
    let until = Instant::now() + plan.at_least;
    let mut number = 0;
    let mut workers = JoinSet::new();
    let mut worker = || {
        number += 1;
        let generator = RequestGenerator::new(plan.seed, number, &serials);
        Worker {
            generator,
            client: Client::new(service),
            plan,
            until,
            counts: ClientCounts::default(),
        }
    };
    // One of each kind first, so that the regular names are registered before the floods.
    let mut counts = worker().one_of_each_quick().await;
    for (shape, kind) in REQUEST_KINDS.iter().enumerate() {
        if matches!(kind.schedule, Schedule::Flood(_)) {
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
        counts.merge(ended?);
    }
    Ok(counts)
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
    async fn one_of_each_quick(mut self) -> ClientCounts {
        for (shape, kind) in REQUEST_KINDS.iter().enumerate() {
            if matches!(kind.schedule, Schedule::Quick(_)) {
                self.request(shape).await;
            }
        }
        self.counts
    }

    async fn flood(mut self, shape: usize) -> ClientCounts {
        let Schedule::Flood(goal) = REQUEST_KINDS[shape].schedule else { return self.counts };
        let all = self.plan.goal(goal).div_ceil(FLOODING);
        let begun = Instant::now();
        let spread = if goal == Goal::Jobs { SPREAD_OF_JOBS } else { SPREAD };
        let mut sent = 0;
        while sent < all {
            let due = self.plan.at_least.mul_f64(spread * sent as f64 / all as f64);
            sleep_until(begun + due).await;
            let count = (all - sent).min(AT_ONCE as u64);
            sent += count;
            let requests: Vec<_> =
                (0..count).map(|_| (REQUEST_KINDS[shape].request)(&mut self.generator)).collect();
            for seen in self.client.exchange_many(&requests).await {
                self.counts.add(shape, seen);
            }
        }
        self.counts
    }

    async fn quick(mut self) -> ClientCounts {
        let weight = |part| if let Schedule::Quick(weight) = part { weight } else { 0 };
        let all: u32 = REQUEST_KINDS.iter().map(|it| weight(it.schedule)).sum();
        while Instant::now() < self.until {
            let mut drawn = self.generator.rng.random_range(0..all);
            let chosen = REQUEST_KINDS.iter().position(|it| {
                let weight = weight(it.schedule);
                let is_it = drawn < weight;
                drawn = drawn.saturating_sub(weight);
                is_it
            });
            self.request(chosen.unwrap_or_default()).await;
        }
        self.counts
    }

    async fn slow(mut self, start: u64) -> ClientCounts {
        let slow: Vec<_> = (0..REQUEST_KINDS.len())
            .filter(|&it| REQUEST_KINDS[it].schedule == Schedule::Slow)
            .collect();
        let from = usize::try_from(start).unwrap_or_default();
        for &shape in slow.iter().cycle().skip(from) {
            if self.until <= Instant::now() {
                break;
            }
            self.request(shape).await;
        }
        self.counts
    }

    async fn request(&mut self, shape: usize) {
        let kind = &REQUEST_KINDS[shape];
        let request = (kind.request)(&mut self.generator);
        let seen = self.client.exchange(kind, &request, &mut self.generator.rng).await;
        self.counts.add(shape, seen);
    }
}
