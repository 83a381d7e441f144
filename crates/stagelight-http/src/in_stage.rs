//! Futures, streams and bodies as stages.

mod stage_span;
mod future;
mod stream;
mod body;

pub use body::StageBodyExt;
pub use future::{StageFuture, StageFutureExt};
pub use stage_span::StageSpan;
pub use stream::{StageStream, StageStreamExt};
