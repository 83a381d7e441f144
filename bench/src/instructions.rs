//! Counts instructions with callgrind, which the machine's load does not change.
//!
//! By valgrind itself: a difference of two runs needs no markers in the program and no second tool to be installed beside it.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

/// Two lengths of a run; what start and end cost is the same in both.
const REQUESTS: [u32; 2] = [2_000, 10_000];

/// Returns valgrind's version, or nothing where it is not installed.
pub fn valgrind() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the instructions of one request of a side, of all its threads: what it exports in the background counts.
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
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
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
