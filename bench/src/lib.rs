//! Compares the cost of stagelight with other projects and with no instrumentation.
//!
//! The driver starts one process per side, so that each has its own global subscriber and heap, and
//! measures them in turns, so that a disturbance of the machine affects all sides. It never
//! compares figures of different runs.

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
