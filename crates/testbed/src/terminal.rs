//! What the tasks say to whoever runs them.
//!
//! Results go to standard output and nothing else does, so that `cargo xtask … | jq` works;
//! progress goes to standard error. A closed pipe is not an error of the task.

use std::fmt::Display;
use std::io::Write;

/// Writes one line of progress to standard error.
pub(crate) fn progress(line: impl Display) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}
