//! A side in a process of its own, and how the driver talks with it: a line each way.

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

    fn ask(&mut self, command: &str) -> Result<String> {
        writeln!(self.commands, "{command}")?;
        self.answer()
    }

    /// Returns nanoseconds a request.
    ///
    /// # Errors
    ///
    /// If the side is gone.
    pub fn time(&mut self, load: Load, requests: u32) -> Result<f64> {
        let Load { threads, same_series } = load;
        Ok(self.ask(&format!("time {threads} {same_series} {requests}"))?.parse()?)
    }

    /// Returns how many requests the side has recorded, if it records any.
    ///
    /// # Errors
    ///
    /// If the side is gone.
    pub fn recorded(&mut self) -> Result<Option<u64>> {
        Ok(self.ask("recorded")?.parse().ok())
    }

    /// Returns the processor time that the side has taken, in nanoseconds, all threads together.
    ///
    /// # Errors
    ///
    /// If the side is gone.
    pub fn cpu(&mut self) -> Result<f64> {
        Ok(self.ask("cpu")?.parse()?)
    }

    /// Returns the ports that an HTTP side listens on, one for each thread.
    ///
    /// # Errors
    ///
    /// If the side is gone.
    pub fn ports(&mut self) -> Result<Vec<u16>> {
        let ports = self.ask("ports")?;
        ports.split(',').map(|it| Ok(it.parse()?)).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Is the side: reads commands from standard input until it ends.
///
/// # Errors
///
/// If the side cannot be set up, or a command is not understood.
pub fn run(part: &str, name: &str, threads: usize) -> Result<()> {
    match part {
        "recording" => {
            let side = recording::Side::named(name)?.start()?;
            // As in a service, where the main thread has spans, too, before the workers start: what threads keep side by side is
            // then shared among them as it would be there.
            (side.request)("/start");
            answer(|command| match *command {
                ["time", threads, same_series, requests] => {
                    let load =
                        Load { threads: threads.parse()?, same_series: same_series.parse()? };
                    Ok(recording::time(&side, load, requests.parse()?).to_string())
                }
                ["recorded"] => Ok(said((side.recorded)())),
                _ => bail!("not a command: {command:?}"),
            })
        }
        "http" => {
            let side = http::Side::named(name)?.start(threads)?;
            answer(|command| match *command {
                ["ports"] => {
                    let ports: Vec<_> = side.ports.iter().map(u16::to_string).collect();
                    Ok(ports.join(","))
                }
                ["cpu"] => Ok(cpu().to_string()),
                ["recorded"] => Ok(said((side.recorded)())),
                _ => bail!("not a command: {command:?}"),
            })
        }
        _ => bail!("there is no part {part:?}"),
    }
}

fn said(recorded: Option<u64>) -> String {
    recorded.map_or_else(|| "nothing".to_owned(), |it| it.to_string())
}

fn answer(mut answer: impl FnMut(&[&str]) -> Result<String>) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let words: Vec<_> = line.split(' ').collect();
        writeln!(out, "{}", answer(&words)?)?;
    }
    Ok(())
}

/// Returns this process' processor time in nanoseconds.
fn cpu() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
