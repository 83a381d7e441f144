//! `cargo xtask stack`: runs the stack until a command ends or a signal arrives.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use testbed::{Process, Stack, StackOptions, Tools};

const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Time between SIGTERM and SIGKILL for the command.
const GRACE: Duration = Duration::from_secs(5);

/// Records SIGINT, SIGTERM and SIGHUP, which no longer end the process.
#[derive(Debug)]
struct Signals {
    /// The number of the last signal, 0 for none.
    last: Arc<AtomicUsize>,
}

/// Starts the stack; runs `command` beside it, or prints its addresses and waits for a signal.
pub(crate) fn run(mut options: StackOptions, command: Option<&str>) -> Result<ExitCode> {
    // Before `Signals`, so that a signal ends a build as usual.
    Tools::find_or_build()?;
    options.gateway = options.gateway.build()?;
    let signals = Signals::watch()?;

    let stack = Stack::start(&options)?;
    if let Some(command) = command {
        return exec(&stack, command, &signals).map(ExitCode::from);
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string(stack.addresses())?)?;
    while signals.last().is_none() {
        stack.check()?;
        thread::sleep(POLL_INTERVAL);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a shell command with the addresses in its environment.
///
/// Returns its exit status, or 128 plus the number of the signal that ended it or this process.
/// Background processes of the command are killed.
fn exec(stack: &Stack, command: &str, signals: &Signals) -> Result<u8> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).envs(environment(stack));
    if std::io::stdin().is_terminal() {
        // A terminal serves one process group only: this one, so that it gets ctrl-C first.
        shell.stdin(Stdio::null());
    }
    let mut process = Process::start(&mut shell, stack.reaper())?;
    loop {
        if let Some(status) = process.wait(POLL_INTERVAL) {
            return Ok(Process::shell_status(status));
        }
        if let Some(signal) = signals.last() {
            process.end(GRACE);
            return Ok(128 + signal);
        }
        stack.check()?;
    }
}

fn environment(stack: &Stack) -> Vec<(&'static str, String)> {
    let all = stack.addresses();
    let path = |path: &PathBuf| Some(path.display().to_string());
    let variables = [
        ("STAGELIGHT_STACK_GATEWAY_URL", all.gateway.clone()),
        ("STAGELIGHT_STACK_METRICS_URL", all.metrics.clone()),
        ("STAGELIGHT_STACK_API_KEY", all.api_key.clone()),
        ("STAGELIGHT_STACK_UPSTREAM_URL", all.upstream.clone()),
        ("STAGELIGHT_STACK_PROMETHEUS_URL", Some(all.prometheus.clone())),
        ("STAGELIGHT_STACK_ALERTMANAGER_URL", all.alertmanager.clone()),
        ("STAGELIGHT_STACK_COLLECTOR_GRPC_URL", Some(all.collector_grpc.clone())),
        ("STAGELIGHT_STACK_COLLECTOR_HTTP_URL", Some(all.collector_http.clone())),
        ("STAGELIGHT_STACK_COLLECTOR_METRICS_URL", Some(all.collector_metrics.clone())),
        ("STAGELIGHT_STACK_COLLECTOR_PID", stack.collector().pid().map(|pid| pid.to_string())),
        ("STAGELIGHT_STACK_TRACES_FILE", path(&all.traces_file)),
        ("STAGELIGHT_STACK_LOG_DIR", path(&all.log_dir)),
    ];
    variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

// === impl Signals ===

impl Signals {
    fn watch() -> Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal)?;
            signal_hook::flag::register_usize(signal, Arc::clone(&last), number)
                .context("cannot watch for signals")?;
        }
        Ok(Self { last })
    }

    fn last(&self) -> Option<u8> {
        u8::try_from(self.last.load(Ordering::Relaxed)).ok().filter(|it| *it != 0)
    }
}
