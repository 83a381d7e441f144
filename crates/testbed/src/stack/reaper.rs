//! Ends the servers when this process is killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

/// A shell that waits for this process to end, and then kills the registered process groups.
///
/// A process that gets SIGKILL runs no destructor, but its pipes are closed. The shell waits for
/// that.
#[derive(Debug)]
pub struct Reaper {
    shell: Child,
    commands: Mutex<Option<ChildStdin>>,
}

/// Reads `+GROUP` and `-GROUP`; at the end of input kills the groups still on the list.
///
/// It ignores the signals that end this process in an orderly way, because then the list is
/// emptied first.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=' '
while read -r command; do
    group=${command#?}
    case $command in
        +*) groups="$groups$group " ;;
        -*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"#;

// === impl Reaper ===

impl Reaper {
    /// Starts the shell.
    ///
    /// # Errors
    ///
    /// If there is no `sh`.
    pub fn start() -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A signal to this process' group must not reach it.
            .process_group(0)
            .spawn()
            .context("cannot start `sh`")?;
        let commands = Mutex::new(shell.stdin.take());
        Ok(Self { shell, commands })
    }

    /// Adds a process group to the list.
    pub(super) fn watch(&self, group: u32) -> Result<()> {
        self.send('+', group).context("cannot write to the shell that ends the servers")
    }

    /// Removes a process group that has ended.
    pub(super) fn forget(&self, group: u32) {
        // An error means that the shell was killed, and its list with it.
        self.send('-', group).ok();
    }

    fn send(&self, command: char, group: u32) -> std::io::Result<()> {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.as_mut().map_or(Ok(()), |pipe| writeln!(pipe, "{command}{group}"))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.commands.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        self.shell.wait().ok();
    }
}
