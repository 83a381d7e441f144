//! A child process and its descendants.

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
pub struct Process {
    child: Child,
    reaper: Arc<Reaper>,
    status: Option<ExitStatus>,
    /// Whether the whole group has ended. Another process may have its number by now.
    gone: bool,
}

// === impl Process ===

impl Process {
    const POLL_INTERVAL: Duration = Duration::from_millis(10);

    /// Starts the command as the leader of a new process group.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn start(command: &mut Command, reaper: &Arc<Reaper>) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{program}`"))?;
        let process = Self { child, reaper: Arc::clone(reaper), status: None, gone: false };
        reaper.watch(process.id())?;
        Ok(process)
    }

    /// Returns the number of the process and of its group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status if the process has ended.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Waits for the process to end; returns `None` after `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let waiting = Stopwatch::start();
        while self.status().is_none() && waiting.elapsed() < timeout {
            std::thread::sleep(Self::POLL_INTERVAL);
        }
        self.status
    }

    /// Sends SIGTERM to the group, and SIGKILL to all that is left of it after `grace`.
    pub fn end(&mut self, grace: Duration) {
        if self.status().is_none() {
            self.signal(Signal::TERM);
            self.wait(grace);
        }
        self.kill();
    }

    /// Returns the exit status as a shell gives it: the exit code, or 128 plus the signal.
    #[must_use]
    pub fn shell_status(status: ExitStatus) -> u8 {
        let status = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        status.and_then(|status| u8::try_from(status).ok()).unwrap_or(u8::MAX)
    }

    /// Kills the group and returns when the process has ended.
    fn kill(&mut self) {
        if self.gone {
            return;
        }
        // Other members of the group may outlive its leader.
        self.signal(Signal::KILL);
        if self.status().is_none() {
            self.status = self.child.wait().ok();
        }
        self.gone = true;
        self.reaper.forget(self.id());
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            // An error means that the group has ended.
            kill_process_group(group, signal).ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Runs a script up to its first line of output; returns the rest of the output as well.
    fn start(script: &str) -> (Process, impl Read + use<>) {
        let reaper = Arc::new(Reaper::start().unwrap());
        let mut shell = Command::new("sh");
        let mut process =
            Process::start(shell.args(["-c", script]).stdout(Stdio::piped()), &reaper).unwrap();
        let mut output = BufReader::new(process.child.stdout.take().unwrap());
        output.read_line(&mut String::new()).unwrap();
        (process, output)
    }

    #[track_caller]
    fn check_end(script: &str, grace: Duration, expected: u8) {
        let (mut process, _output) = start(script);
        assert!(process.wait(Duration::from_millis(1)).is_none());

        process.end(grace);

        assert_eq!(Process::shell_status(process.status().unwrap()), expected);
    }

    #[test]
    fn a_process_that_ignores_sigterm_is_killed_after_the_grace() {
        check_end("trap 'exit 5' TERM; echo; while :; do sleep 0.01; done", LONG, 5);
        let grace = Duration::from_millis(50);
        check_end("trap '' TERM; echo; while :; do sleep 0.01; done", grace, 128 + 9);
    }

    #[test]
    fn descendants_end_with_the_process() {
        // The pipe closes only when the background child has ended as well.
        let (mut process, mut output) = start("sleep 1000 & echo; exit 0");
        process.wait(LONG).unwrap();
        process.end(LONG);
        assert_eq!(output.read(&mut [0]).unwrap(), 0);

        let (process, mut output) = start("echo; sleep 1000");
        drop(process);
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
    }
}
