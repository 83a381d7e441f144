//! Running other programs to their end.
//!
//! Results go to standard output, progress to standard error, so that `cargo xtask … | jq` works.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::iter;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Writes one line of progress to standard error. A closed pipe is not an error.
pub fn progress(line: impl Display) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// Returns the Cargo that runs this program, or the one in `PATH`.
#[must_use]
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Prints the command as it could be typed, runs it, and fails unless it succeeds.
///
/// # Errors
///
/// Names the command that could not be started, or the status with which it ended.
pub fn run(command: &mut Command) -> Result<()> {
    progress(format_args!("$ {}", describe(command)));
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed with {status}", describe(command));
    }
    Ok(())
}

/// Runs the command and returns its standard output.
///
/// # Errors
///
/// As [`run`], and if the output is not UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    command.stderr(Stdio::inherit());
    let output = command.output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("`{}` failed with {}", describe(command), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed invalid UTF-8", describe(command)))
}

/// Returns the command's environment, program and arguments as they would be typed in a shell.
#[must_use]
pub fn describe(command: &Command) -> String {
    let environment = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_string_lossy(), value?.to_string_lossy())))
        .map(|(name, value)| format!("{name}={}", quoted(&value)));
    let words = iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    environment.chain(words).collect::<Vec<_>>().join(" ")
}

/// Quotes a word that the shell would split or expand.
fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_=+,./:@%^".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_described_as_it_can_be_typed() {
        let mut command = Command::new("go");
        command.args(["build", "-ldflags=-s -w", "", "it's"]).env("GOFLAGS", "-mod=readonly");

        let expected = r"GOFLAGS=-mod=readonly go build '-ldflags=-s -w' '' 'it'\''s'";
        assert_eq!(describe(&command), expected);
    }

    #[test]
    fn errors_name_the_command_and_its_status() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert_eq!(error, "`sh -c 'exit 3'` failed with exit status: 3");

        let error = output(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program`");
    }
}
