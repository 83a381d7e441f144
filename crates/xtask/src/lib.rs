//! Development tasks: the pinned tools, the local stack of real servers, and what CI runs.
//!
//! The program (`cargo xtask …`) is a thin command line over this library; the `e2e` package uses
//! the same [`Stack`] as its test bench.
//!
//! # What this crate knows, and what it must never know
//!
//! It knows processes, ports, files and other people's command lines. It knows nothing of spans,
//! stages or metrics, and depends on none of the workspace's crates: it has to build first and
//! fast, and what it starts is tested from outside.
//!
//! It runs on Unix: process groups, signals and file locks are what keeps its children in hand.

mod terminal;
mod clock;
mod workspace;
mod command;
mod cache;
mod tools;
mod deploy;
mod dashboards;
mod python;
mod interrupt;
mod stack;
mod bench;
mod pictures;
mod soak;
mod model;
mod nightly;
mod fuzz;
mod sanitize;
pub mod ci;

pub use bench::bench;
pub use cache::Cache;
pub use dashboards::Dashboards;
pub use deploy::{Deploy, DeployedCollector};
pub use fuzz::fuzz;
pub use interrupt::Interrupt;
pub use model::model;
pub use pictures::pictures;
pub use python::python_env;
pub use sanitize::sanitize;
pub use soak::soak;
pub use stack::{
    Addresses, Alertmanager, Collector, CollectorAddresses, Fleet, GatewaySource, PlannedCollector,
    Profile, Server, Stack, StackOptions,
};
pub use tools::Tools;
pub use workspace::Workspace;
