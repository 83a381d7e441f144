//! A child process and everything it starts.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::clock::Stopwatch;

use super::reaper::Reaper;

/// A child in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    reaper: Arc<Reaper>,
    status: Option<ExitStatus>,
    /// Whether the whole group is gone. Its number may be somebody else's by now.
    gone: bool,
}

// === impl Process ===

impl Process {
    const LOOK_EVERY: Duration = Duration::from_millis(10);

    /// Starts the command as the leader of a new process group.
    pub(crate) fn start(command: &mut Command, reaper: &Arc<Reaper>) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{program}`"))?;
        let process = Self { child, reaper: Arc::clone(reaper), status: None, gone: false };
        reaper.watch(process.id())?;
        Ok(process)
    }

    /// Returns the process' number, which is also its group's.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how the process ended, if it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Waits for the process to end, for some time.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        let waiting = Stopwatch::start();
        while self.status().is_none() && waiting.elapsed() < at_most {
            std::thread::sleep(Self::LOOK_EVERY);
        }
        self.status
    }

    /// Asks the group to end, and kills what has not ended in time.
    pub(crate) fn end(&mut self, grace: Duration) {
        if self.status().is_none() {
            self.signal(Signal::TERM);
            self.wait(grace);
        }
        self.kill();
    }

    /// Kills the group and returns when the process is gone.
    pub(crate) fn kill(&mut self) {
        if self.gone {
            return;
        }
        // The group may have members left when its leader has ended.
        self.signal(Signal::KILL);
        if self.status().is_none() {
            self.status = self.child.wait().ok();
        }
        self.gone = true;
        self.reaper.forget(self.id());
    }

    fn signal(&self, signal: Signal) {
        // Not finding the group means that there is nothing to end.
        if let Some(group) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            kill_process_group(group, signal).ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns what a shell would say: the exit code, or 128 and the signal's number.
pub(crate) fn shell_status(status: ExitStatus) -> u8 {
    let status = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
