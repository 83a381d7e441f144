//! The Go that is installed here.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command::output;

/// The oldest Go that builds every pinned module.
pub(crate) const OLDEST: GoVersion = GoVersion { major: 1, minor: 26 };

/// A Go release, without its patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GoVersion {
    major: u32,
    minor: u32,
}

/// A Go client that is new enough.
#[derive(Debug)]
pub(crate) struct Go(());

// === impl GoVersion ===

impl GoVersion {
    /// Reads `go1.26.8`, `go1.27rc1`, `1.26` or `devel go1.28-abcdef`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = text.trim().trim_start_matches("devel ").trim_start_matches("go");
        let (major, rest) = number.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl fmt::Display for GoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

// === impl Go ===

impl Go {
    /// Looks for Go in `PATH` and checks that it is new enough.
    pub(crate) fn find() -> Result<Self> {
        let go = Self(());
        let version =
            output(&mut go.command(Path::new("/"), &["env", "GOVERSION"])).with_context(|| {
                format!(
                    "no working `go` in PATH: the collector, Prometheus and Alertmanager are built \
                     from source; install Go {OLDEST} or newer (https://go.dev/dl) and try again"
                )
            })?;
        check(version.trim())?;
        Ok(go)
    }

    /// Prepares `go` with these arguments in this folder.
    ///
    /// The caller's module proxy, checksum database and caches stay as configured; what would
    /// change the result does not: other flags, a surrounding Go workspace, a C compiler, or a
    /// toolchain fetched behind the user's back. `go.mod` and `go.sum` are the pins, so an answer
    /// that differs from them is an error.
    pub(crate) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let Self(()) = self;
        let mut command = Command::new("go");
        command
            .args(arguments)
            .current_dir(folder)
            // Not empty: then Go would take the user's flags from its settings file.
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off")
            .env("GOTOOLCHAIN", "local")
            .env("CGO_ENABLED", "0");
        command
    }
}

/// Judges what `go env GOVERSION` printed.
fn check(version: &str) -> Result<()> {
    match GoVersion::parse(version) {
        Some(found) if OLDEST <= found => Ok(()),
        _ => bail!(
            "the `go` in PATH is {version:?}, and the pinned tools need Go {OLDEST} or newer: \
             install it (https://go.dev/dl), put it first in PATH, and try again"
        ),
    }
}

#[cfg(test)]
mod tests;
