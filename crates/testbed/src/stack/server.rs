//! One server of the stack: its start, its readiness check and its end.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::clock::Stopwatch;
use crate::http_client;

use super::process::Process;
use super::reaper::Reaper;

/// The parts that all servers of a stack share.
#[derive(Debug)]
pub(super) struct Launcher {
    reaper: Arc<Reaper>,
    log_dir: PathBuf,
}

/// How to start a server, once or again.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(String, OsString)>,
    pub(super) ready: Ready,
}

/// How a server shows that it is ready.
#[derive(Debug)]
pub(super) enum Ready {
    /// It answers 200 at this URL.
    Answers(String),
    /// It prints a line to standard output.
    Prints,
}

/// A server that can be killed and started again on the same ports and data.
///
/// Every method can be called from any thread. Dropping it stops the server.
#[derive(Debug)]
pub struct Server {
    recipe: Recipe,
    launcher: Arc<Launcher>,
    /// `None` after the server was stopped.
    process: Mutex<Option<Process>>,
}

// === impl Launcher ===

impl Launcher {
    pub(super) fn new(log_dir: &Path) -> Result<Self> {
        fs::create_dir_all(log_dir)
            .with_context(|| format!("cannot create {}", log_dir.display()))?;
        Ok(Self { reaper: Arc::new(Reaper::start()?), log_dir: log_dir.to_owned() })
    }

    pub(super) fn reaper(&self) -> &Arc<Reaper> {
        &self.reaper
    }
}

// === impl Server ===

impl Server {
    /// Time limit for the start. It takes a second or two, more on a loaded machine.
    const READY_WITHIN: Duration = Duration::from_secs(60);
    /// Time limit for the shutdown, longer than any final flush.
    const GRACE: Duration = Duration::from_secs(15);
    const POLL_INTERVAL: Duration = Duration::from_millis(20);
    /// Number of log lines in an error.
    const LAST_LINES: usize = 20;

    /// Starts the server and returns before it is ready.
    pub(super) fn start(launcher: &Arc<Launcher>, recipe: Recipe) -> Result<Self> {
        let server = Self { recipe, launcher: Arc::clone(launcher), process: Mutex::new(None) };
        server.spawn(&mut server.process(), &[])?;
        Ok(server)
    }

    /// Returns the server's name, which is also that of its log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.recipe.name
    }

    /// Returns the process id while the server runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Process::id)
    }

    /// Kills the server with SIGKILL and returns when it has ended.
    pub fn kill_hard(&self) {
        // Dropping a process kills it.
        drop(self.process().take());
    }

    /// Sends SIGTERM, kills the server after 15 s, and returns when it has ended.
    pub fn stop(&self) {
        let process = self.process().take();
        if let Some(mut process) = process {
            process.end(Self::GRACE);
        }
    }

    /// Starts the server again on the same ports and data, and waits until it is ready.
    ///
    /// A running server is stopped first.
    ///
    /// # Errors
    ///
    /// If it cannot be started or is not ready within a minute.
    pub fn restart(&self) -> Result<()> {
        self.restart_with(&[])
    }

    /// Starts the server again like [`restart`](Self::restart), with further arguments this time.
    ///
    /// # Errors
    ///
    /// If it cannot be started or is not ready within a minute.
    pub fn restart_with(&self, arguments: &[&str]) -> Result<()> {
        self.stop();
        self.spawn(&mut self.process(), arguments)?;
        self.wait_until_ready()
    }

    /// Fails if the server has ended by itself.
    ///
    /// # Errors
    ///
    /// Contains the exit status and the last lines of the log.
    pub fn check(&self) -> Result<()> {
        let status = self.process().as_mut().and_then(Process::status);
        match status {
            Some(status) => bail!("{} has ended: {status}\n{}", self.name(), self.last_lines()),
            None => Ok(()),
        }
    }

    /// Returns the log of all runs.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    pub fn log(&self) -> Result<String> {
        let path = self.file("log");
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until the server is ready.
    pub(super) fn wait_until_ready(&self) -> Result<()> {
        let waiting = Stopwatch::start();
        while !self.is_ready() {
            self.check()?;
            if Self::READY_WITHIN < waiting.elapsed() {
                bail!(
                    "{} is not ready after {:?}\n{}",
                    self.name(),
                    waiting.elapsed(),
                    self.last_lines()
                );
            }
            std::thread::sleep(Self::POLL_INTERVAL);
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        match &self.recipe.ready {
            Ready::Answers(url) => http_client::get(url).is_ok(),
            Ready::Prints => {
                fs::read(self.file("out")).is_ok_and(|printed| printed.contains(&b'\n'))
            }
        }
    }

    fn spawn(&self, process: &mut Option<Process>, more_arguments: &[&str]) -> Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file("log"))
            .with_context(|| format!("cannot write {}", self.file("log").display()))?;
        // Truncated: a line of an earlier run does not mean that this one is ready.
        let out = File::create(self.file("out"))
            .with_context(|| format!("cannot write {}", self.file("out").display()))?;
        let mut command = Command::new(&self.recipe.program);
        command
            .args(&self.recipe.arguments)
            .args(more_arguments)
            .envs(self.recipe.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(log);
        *process = Some(Process::start(&mut command, &self.launcher.reaper)?);
        Ok(())
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.launcher.log_dir.join(format!("{}.{kind}", self.name()))
    }

    fn last_lines(&self) -> String {
        let log = self.log().unwrap_or_else(|error| format!("{error:#}"));
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(Self::LAST_LINES)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
