// What the facade `stagelight` offers to generated code. These tests stand in for it, so that they
// build without its whole tree; included at the root of each of them.

extern crate self as stagelight;

pub use stagelight_macros::{request, stage};
pub use stagelight_tracing::macro_support::ErrorType;

#[doc(hidden)]
pub mod __private {
    pub use stagelight_tracing::macro_support::*;
    pub use tracing;
}
