//! The files that an operator copies: what is generated of them, and what they have to hold.
//!
//! `collector/` and `grafana/` are plain files. Those of them that repeat what the code knows (names, buckets, thresholds)
//! are made here from [`stagelight_core`], committed, and compared by this crate's tests, which rewrite them when `UPDATE_EXPECT`
//! is set. Nothing here runs a server: what the files do on real ones is tested in `tests/`.

pub mod dashboards;
pub mod kubernetes;
pub mod sizing;
pub mod thresholds;
