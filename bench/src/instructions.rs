//! Counts instructions with callgrind, which the machine's load does not change.
//!
//! By valgrind itself: what counts is one function, so nothing has to be installed beside it.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

/// Counts between this function's start and its end.
const COUNTED: &str = "--toggle-collect=stagelight_bench::recording::threads::request*";
/// Two lengths of a run; what first requests cost is the same in both.
const REQUESTS: [u32; 2] = [1_000, 3_000];

/// Returns valgrind's version, or nothing where it is not installed.
pub fn valgrind() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the instructions of one request of a side, on the request's own thread.
///
/// # Errors
///
/// If valgrind fails.
pub fn count(side: &str) -> Result<f64> {
    let [short, long] = REQUESTS;
    let difference = total(side, long)?.saturating_sub(total(side, short)?);
    Ok(difference as f64 / f64::from(long - short))
}

fn total(side: &str, requests: u32) -> Result<u64> {
    let mut process = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", COUNTED])
        .arg(env::current_exe()?)
        .args(["side", "recording", side])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut commands = process.stdin.take().context("no pipe")?;
    writeln!(commands, "time 1 true {requests}")?;
    drop(commands);
    let output = process.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected =
        text.lines().find_map(|it| it.split_once("Collected : ")).context("no count")?;
    Ok(collected.1.trim().parse()?)
}
