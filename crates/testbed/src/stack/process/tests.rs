use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::stack::reaper::Reaper;

use super::{Process, shell_status};

/// Starts a script, and returns when it has printed its first line, with what it prints after.
fn start(script: &str) -> (Process, impl Read + use<>) {
    let reaper = Arc::new(Reaper::start().unwrap());
    let mut shell = Command::new("sh");
    let mut process =
        Process::start(shell.args(["-c", script]).stdout(Stdio::piped()), &reaper).unwrap();
    let mut output = BufReader::new(process.child.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    (process, output)
}

#[test]
fn a_process_that_listens_ends_by_itself() {
    let (mut process, _output) = start("trap 'exit 5' TERM; echo; while :; do sleep 0.01; done");

    process.end(Duration::from_secs(60));

    assert_eq!(shell_status(process.status().unwrap()), 5);
}

#[test]
fn a_process_that_does_not_listen_is_killed_after_the_grace() {
    let (mut process, _output) = start("trap '' TERM; echo; while :; do sleep 0.01; done");
    let watch = Stopwatch::start();

    process.end(Duration::from_millis(50));

    assert!(Duration::from_millis(50) <= watch.elapsed());
    assert_eq!(shell_status(process.status().unwrap()), 128 + 9);
}

#[test]
fn what_a_process_has_started_ends_with_it() {
    // The pipe ends only when the child in the background has ended too.
    let (mut process, mut output) = start("sleep 1000 & echo; exit 0");
    process.wait(Duration::from_secs(60)).unwrap();

    process.end(Duration::from_secs(60));

    assert_eq!(output.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_dropped_process_is_killed() {
    let (process, mut output) = start("echo; sleep 1000");

    drop(process);

    assert_eq!(output.read(&mut [0]).unwrap(), 0);
}

#[test]
fn waiting_has_an_end() {
    let (mut process, _output) = start("echo; sleep 1000");

    assert!(process.wait(Duration::from_millis(1)).is_none());
}
