//! Fuzz targets: functions of arbitrary bytes that panic if an invariant does not hold.
//!
//! `cargo xtask fuzz` runs them with libFuzzer, through the package in `libfuzzer/`, which only a
//! nightly compiler builds. `cargo test -p fuzz-targets` replays the corpus with any compiler.
//! An input that has failed belongs in `corpus/<target>/`, under a name that describes it.
#![expect(clippy::missing_panics_doc, reason = "a target reports failures by panicking")]

mod secret;
pub mod environment;
pub mod metrics_page;
pub mod pairs;
pub mod request;
pub mod trace_context;

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. The names are also those of the folders in `corpus` and of the fuzzer's programs.
pub const TARGETS: [Target; 5] = [
    ("environment", environment::check),
    ("metrics_page", metrics_page::check),
    ("pairs", pairs::check),
    ("request", request::check),
    ("trace_context", trace_context::check),
];
