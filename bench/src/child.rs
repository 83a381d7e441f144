//! Runs a side in its own process, controlled by lines on its standard input and output.

use std::{
    env,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    http,
    recording::{self, Load},
};

/// A process that runs one side.
pub struct Child {
    pub name: &'static str,
    process: Process,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

// === impl Child ===

impl Child {
    /// Starts this program again, as a side of `part`; an HTTP side serves on this many threads.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start(part: &str, name: &'static str, threads: usize) -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args(["side", part, name, &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = process.stdin.take().context("no pipe")?;
        let answers = BufReader::new(process.stdout.take().context("no pipe")?).lines();
        let mut child = Self { name, process, commands, answers };
        child.answer()?;
        Ok(child)
    }

    fn answer(&mut self) -> Result<String> {
        let answer = self.answers.next().with_context(|| format!("{} ended", self.name))??;
        Ok(answer)
    }

    fn send(&mut self, command: &str) -> Result<String> {
        writeln!(self.commands, "{command}")?;
        self.answer()
    }

    /// Returns nanoseconds per request.
    ///
    /// # Errors
    ///
    /// If the process has ended.
    pub fn time(&mut self, load: Load, requests: u32) -> Result<f64> {
        let Load { threads, same_series } = load;
        Ok(self.send(&format!("time {threads} {same_series} {requests}"))?.parse()?)
    }

    /// Returns the number of requests that the side has recorded, if it records any.
    ///
    /// # Errors
    ///
    /// If the process has ended.
    pub fn recorded(&mut self) -> Result<Option<u64>> {
        Ok(self.send("recorded")?.parse().ok())
    }

    /// Returns the side's processor time in nanoseconds, for all threads.
    ///
    /// # Errors
    ///
    /// If the process has ended.
    pub fn cpu(&mut self) -> Result<f64> {
        Ok(self.send("cpu")?.parse()?)
    }

    /// Returns the ports of an HTTP side, one for each thread.
    ///
    /// # Errors
    ///
    /// If the process has ended.
    pub fn ports(&mut self) -> Result<Vec<u16>> {
        let ports = self.send("ports")?;
        ports.split(',').map(|it| Ok(it.parse()?)).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Runs a side in this process: executes commands from standard input until it ends.
///
/// # Errors
///
/// If the side cannot be set up, or a command is unknown.
pub fn run(part: &str, name: &str, threads: usize) -> Result<()> {
    match part {
        "recording" => {
            let side = recording::Side::named(name)?.start()?;
            // As in a service, where the main thread creates spans before the workers start. That
            // decides how per-thread data are laid out in memory.
            (side.request)("/start");
            serve(|command| match *command {
                ["time", threads, same_series, requests] => {
                    let load =
                        Load { threads: threads.parse()?, same_series: same_series.parse()? };
                    Ok(recording::time(&side, load, requests.parse()?).to_string())
                }
                ["recorded"] => Ok(count((side.recorded)())),
                _ => bail!("unknown command {command:?}"),
            })
        }
        "http" => {
            let side = http::Side::named(name)?.start(threads)?;
            serve(|command| match *command {
                ["ports"] => {
                    let ports: Vec<_> = side.ports.iter().map(u16::to_string).collect();
                    Ok(ports.join(","))
                }
                ["cpu"] => Ok(cpu().to_string()),
                ["recorded"] => Ok(count((side.recorded)())),
                _ => bail!("unknown command {command:?}"),
            })
        }
        _ => bail!("unknown part {part:?}"),
    }
}

fn count(recorded: Option<u64>) -> String {
    recorded.map_or_else(|| "nothing".to_owned(), |it| it.to_string())
}

fn serve(mut execute: impl FnMut(&[&str]) -> Result<String>) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let words: Vec<_> = line.split(' ').collect();
        writeln!(out, "{}", execute(&words)?)?;
    }
    Ok(())
}

/// Returns this process' processor time in nanoseconds.
fn cpu() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
