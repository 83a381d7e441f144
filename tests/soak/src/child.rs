//! The processes that are driven.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, Command},
    time::timeout,
};

/// How long a child has to start, and to end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// This program in another role. It ends when this one does, because its standard input ends then.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    pub(crate) ready: Ready,
}

/// What a child says, on one line, when it can be used.
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
        let stdout = process.stdout.take().context("a child without standard output")?;
        let line = timeout(TIMEOUT, BufReader::new(stdout).lines().next_line()).await??;
        let line = line.with_context(|| format!("{arguments:?} ended without a word"))?;
        let ready = serde_json::from_str(&line).with_context(|| format!("cannot read {line:?}"))?;
        Ok(Self { process, ready })
    }

    /// Returns the process' number.
    pub(crate) fn id(&self) -> Result<u32> {
        self.process.id().context("the child has ended")
    }

    /// Asks the child to end, and waits for it.
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
    /// Says it to whoever started this process.
    #[expect(clippy::print_stdout, reason = "this is how the parent is told")]
    pub(crate) fn tell(self) -> Result<()> {
        println!("{}", serde_json::to_string(&self)?);
        Ok(())
    }
}
