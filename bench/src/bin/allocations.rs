//! Counts a request's allocations on its own thread, for one side.
//!
//! A separate program, because it replaces the allocator.

use std::env;

use anyhow::Result;
use stagelight_bench::recording::Side;

const REQUESTS: u32 = 2_000;

fn main() -> Result<()> {
    let name = env::args().nth(1).unwrap_or_default();
    let side = Side::named(&name)?.start()?;
    let run = || (0..REQUESTS).for_each(|_| (side.request)("/v1/chat/completions"));
    run();
    let allocations = allocation_counter::measure(run).count_total;
    println!("{}", allocations as f64 / f64::from(REQUESTS));
    Ok(())
}
