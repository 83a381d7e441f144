//! What must hold of whatever comes from outside: each module is a target, a function of any bytes that panics when something does not hold.
//!
//! `cargo xtask fuzz` drives them with libFuzzer; `cargo test -p fuzz-targets` replays the corpus, on any toolchain. An input that failed once belongs into
//! `corpus/<target>/`, under a name that says what it is.
#![expect(clippy::missing_panics_doc, reason = "to panic is what a target is for")]

mod canary;
pub mod environment;
pub mod metrics_page;
pub mod pairs;
pub mod request;
pub mod trace_context;

/// A target's name, and the target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by the names of their folders in `corpus` and of the fuzzer's programs.
pub const TARGETS: [Target; 5] = [
    ("environment", environment::check),
    ("metrics_page", metrics_page::check),
    ("pairs", pairs::check),
    ("request", request::check),
    ("trace_context", trace_context::check),
];
