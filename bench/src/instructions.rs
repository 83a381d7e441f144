//! Counts instructions with callgrind, independent of the machine's load.

use std::{
    collections::HashMap,
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::recording::WARM_UP;

/// Counts in calls of this function.
const COUNTED: &str = "--toggle-collect=stagelight_bench::recording::threads::request*";
/// The lengths of two runs. Their difference does not contain the first requests' extra cost.
const REQUESTS: [u32; 2] = [1_000, 3_000];

/// Returns valgrind's version; `None` if it is not installed.
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

/// Returns the functions of one request by their own instructions, most first.
///
/// # Errors
///
/// If valgrind fails, or its `callgrind_annotate` is missing.
pub fn by_function(side: &str) -> Result<Vec<(f64, String)>> {
    let file = env::temp_dir().join(format!("stagelight-bench-{}", std::process::id()));
    let requests = REQUESTS[1];
    run(side, requests, &file)?;
    let output = Command::new("callgrind_annotate")
        .args(["--auto=no", "--threshold=100"])
        .arg(&file)
        .output()
        .context("callgrind_annotate")?;
    fs::remove_file(&file)?;
    let mut functions: HashMap<String, f64> = HashMap::new();
    for (count, function) in String::from_utf8_lossy(&output.stdout).lines().filter_map(row) {
        *functions.entry(function).or_default() += count / f64::from(requests + WARM_UP);
    }
    let mut rows: Vec<_> = functions.into_iter().map(|(name, count)| (count, name)).collect();
    rows.sort_by(|left, right| right.0.total_cmp(&left.0));
    Ok(rows)
}

/// Parses `1,234 (5.67%)  file:function [program]`.
fn row(line: &str) -> Option<(f64, String)> {
    let (count, rest) = line.trim().split_once(" (")?;
    let function = rest.split_once(")  ")?.1.split_once(':')?.1;
    let function = function.split(" [").next()?;
    Some((count.replace(',', "").parse().ok()?, function.to_owned()))
}

fn total(side: &str, requests: u32) -> Result<u64> {
    run(side, requests, Path::new("/dev/null"))
}

/// Runs requests of a side under callgrind, which writes its profile to `file`; returns the total.
fn run(side: &str, requests: u32, file: &Path) -> Result<u64> {
    let mut process = Command::new("valgrind")
        .args(["--tool=callgrind", COUNTED])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe()?)
        .args(["side", "recording", side, "1"])
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
