#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

// In reading order: the breakdown of one snapshot, then the page for scrapers.
pub mod breakdown;
pub mod prometheus;
