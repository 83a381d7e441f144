#![doc = include_str!("../README.md")]

mod private;

pub use stagelight_core::ErrorType;
pub use stagelight_macros::{request, stage};

/// Used by code that the macros generate; may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
    pub use tracing;
}
