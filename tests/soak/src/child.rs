//! Child processes: the service and its upstream.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, Command},
    time::timeout,
};

/// Time limit for the start and for the end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// This program in another role. Its standard input, and so the child, ends with this process.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    pub(crate) ready: Ready,
}

/// The line that a child prints when it is ready.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) service: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
}

// === impl Child ===

impl Child {
    pub(crate) async fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {arguments:?}"))?;
        let stdout = process.stdout.take().context("the child has no standard output")?;
        let line = timeout(TIMEOUT, BufReader::new(stdout).lines().next_line()).await??;
        let line = line.with_context(|| format!("{arguments:?} ended before it was ready"))?;
        let ready =
            serde_json::from_str(&line).with_context(|| format!("cannot parse {line:?}"))?;
        Ok(Self { process, ready })
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> Result<u32> {
        self.process.id().context("the child has ended")
    }

    /// Ends the child and waits for it.
    pub(crate) async fn end(mut self) -> Result<()> {
        drop(self.process.stdin.take());
        let status =
            timeout(TIMEOUT, self.process.wait()).await.context("a child did not end")??;
        if !status.success() {
            bail!("a child ended with {status}");
        }
        Ok(())
    }
}

// === impl Ready ===

impl Ready {
    /// Prints the line to the parent process.
    #[expect(clippy::print_stdout, reason = "the parent reads it")]
    pub(crate) fn print(self) -> Result<()> {
        println!("{}", serde_json::to_string(&self)?);
        Ok(())
    }
}
