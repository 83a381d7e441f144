//! What stagelight costs, beside others and beside nothing.
//!
//! The driver starts one process for each side, so that each has a global subscriber and a heap of its own, and asks them in turns: what
//! disturbs the machine for a while disturbs all sides. It never compares figures of two runs.

pub mod recording;
pub mod http;
pub mod child;
pub mod sink;
pub mod instructions;
pub mod measure;
pub mod budget;
pub mod ceilings;
pub mod machine;
pub mod report;
