//! Ends the servers when this process can't.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

/// A shell that waits for this process to end, and then kills what it has been told of.
///
/// A process that gets SIGKILL runs no destructor. Its pipes are closed all the same, and that is
/// what the shell waits for.
#[derive(Debug)]
pub(crate) struct Reaper {
    shell: Child,
    orders: Mutex<Option<ChildStdin>>,
}

/// Reads `+GROUP` and `-GROUP`; at the end of input kills the groups still on the list.
///
/// It does not listen to the signals that end this process in the usual way: then it is told what
/// has ended already.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=' '
while read -r order; do
    group=${order#?}
    case $order in
        +*) groups="$groups$group " ;;
        -*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"#;

// === impl Reaper ===

impl Reaper {
    pub(crate) fn start() -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Whoever kills our whole group should not hit it.
            .process_group(0)
            .spawn()
            .context("cannot start `sh`")?;
        let orders = Mutex::new(shell.stdin.take());
        Ok(Self { shell, orders })
    }

    /// Puts a process group on the list.
    pub(crate) fn watch(&self, group: u32) -> Result<()> {
        self.order('+', group).context("cannot write to the shell that ends the servers")
    }

    /// Takes a process group off the list, because it has ended.
    pub(crate) fn forget(&self, group: u32) {
        // A shell that somebody has killed has no list.
        self.order('-', group).ok();
    }

    fn order(&self, order: char, group: u32) -> std::io::Result<()> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.as_mut().map_or(Ok(()), |pipe| writeln!(pipe, "{order}{group}"))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.orders.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        self.shell.wait().ok();
    }
}
