//! One server of the stack: how it is started, how one knows that it is ready, and how it ends.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::clock::Stopwatch;

use super::process::Process;
use super::reaper::Reaper;

/// What all servers of a stack share.
#[derive(Debug)]
pub(crate) struct Launcher {
    reaper: Arc<Reaper>,
    log_dir: PathBuf,
}

/// How to start a server, any number of times.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) ready: Ready,
}

/// How a server shows that it is ready.
#[derive(Debug)]
pub(crate) enum Ready {
    /// It answers 200 at this address.
    Answers(String),
    /// It prints a line on standard output.
    Prints,
}

/// A server that can be killed and started again on the same ports and data.
///
/// Every method can be called from any thread. Dropping it stops the server.
#[derive(Debug)]
pub struct Server {
    recipe: Recipe,
    launcher: Arc<Launcher>,
    /// `None` after it was told to end.
    process: Mutex<Option<Process>>,
}

// === impl Launcher ===

impl Launcher {
    pub(crate) fn new(log_dir: &Path) -> Result<Self> {
        fs::create_dir_all(log_dir)
            .with_context(|| format!("cannot make {}", log_dir.display()))?;
        Ok(Self { reaper: Arc::new(Reaper::start()?), log_dir: log_dir.to_owned() })
    }

    pub(crate) fn reaper(&self) -> &Arc<Reaper> {
        &self.reaper
    }
}

// === impl Server ===

impl Server {
    /// How long a server may take to be ready. They take a second or two; a loaded machine more.
    const READY_WITHIN: Duration = Duration::from_secs(60);
    /// How long it may take to end: longer than any flush on shutdown.
    const GRACE: Duration = Duration::from_secs(15);
    const LOOK_EVERY: Duration = Duration::from_millis(20);
    /// How much of a log an error shows.
    const LAST_LINES: usize = 20;

    /// Starts the server without waiting for it.
    pub(crate) fn start(launcher: &Arc<Launcher>, recipe: Recipe) -> Result<Self> {
        let server = Self { recipe, launcher: Arc::clone(launcher), process: Mutex::new(None) };
        server.spawn(&mut server.process(), &[])?;
        Ok(server)
    }

    /// Returns the server's name, which is also that of its log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.recipe.name
    }

    /// Returns the process' number while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Process::id)
    }

    /// Kills the server as `kill -9` does, and returns when it is gone.
    pub fn kill_hard(&self) {
        // Dropping a process kills it.
        drop(self.process().take());
    }

    /// Asks the server to end and returns when it has; kills it after 15 s.
    pub fn stop(&self) {
        let process = self.process().take();
        if let Some(mut process) = process {
            process.end(Self::GRACE);
        }
    }

    /// Starts the server again on the same ports and data, and waits until it is ready.
    ///
    /// A server that still runs is stopped first.
    ///
    /// # Errors
    ///
    /// When it cannot be started or is not ready within a minute.
    pub fn restart(&self) -> Result<()> {
        self.restart_with(&[])
    }

    /// Starts the server again as [`restart`](Self::restart) does, with more arguments this once.
    ///
    /// # Errors
    ///
    /// When it cannot be started or is not ready within a minute.
    pub fn restart_with(&self, arguments: &[&str]) -> Result<()> {
        self.stop();
        self.spawn(&mut self.process(), arguments)?;
        self.wait_until_ready()
    }

    /// Fails if the server has ended and nobody told it to.
    ///
    /// # Errors
    ///
    /// Says how it ended and what it logged last.
    pub fn check(&self) -> Result<()> {
        let status = self.process().as_mut().and_then(Process::status);
        match status {
            Some(status) => bail!("{} has ended: {status}\n{}", self.name(), self.last_lines()),
            None => Ok(()),
        }
    }

    /// Reads what the server has logged, in all its runs.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        let path = self.file("log");
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns when the server is ready.
    pub(crate) fn wait_until_ready(&self) -> Result<()> {
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
            std::thread::sleep(Self::LOOK_EVERY);
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        match &self.recipe.ready {
            Ready::Answers(url) => answers(url),
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
        // Anew each time: a line from an earlier run does not mean that this one is ready.
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

/// Asks once, without the proxy that the environment may name: everything here is on loopback.
fn answers(url: &str) -> bool {
    let settings = ureq::Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(1)))
        .build();
    ureq::Agent::new_with_config(settings).get(url).call().is_ok()
}
