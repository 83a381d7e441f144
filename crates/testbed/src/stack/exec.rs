//! A command that is run beside the servers.

use std::io::IsTerminal;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use super::process::{Process, shell_status};
use super::server::Launcher;

/// A shell command with our standard output and error. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Exec {
    process: Process,
}

// === impl Exec ===

impl Exec {
    /// How long the command may take to end after it was asked to.
    const GRACE: Duration = Duration::from_secs(5);

    /// Starts the command in `sh`, with these additions to our environment.
    ///
    /// It gets our standard input, unless that is a terminal: a terminal serves one process group
    /// only, and that is ours, so that ctrl-C comes to us first.
    pub(crate) fn start(
        launcher: &Launcher,
        command: &str,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).envs(environment);
        if std::io::stdin().is_terminal() {
            shell.stdin(Stdio::null());
        }
        Ok(Self { process: Process::start(&mut shell, launcher.reaper())? })
    }

    /// Waits for some time, and returns the exit status if the command has ended.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Option<u8> {
        self.process.wait(at_most).map(shell_status)
    }

    /// Ends the command and what it has started.
    pub(crate) fn end(&mut self) {
        self.process.end(Self::GRACE);
    }
}
