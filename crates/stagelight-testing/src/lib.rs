//! Test doubles of the stagelight workspace: what its tests share, and nothing that is published.

mod scripted_body;

pub use scripted_body::{ScriptedBody, ScriptedError};
