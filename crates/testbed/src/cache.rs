//! What is built once per user and found again by every later run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::terminal::progress;

/// The per-user folder of built tools: `$XDG_CACHE_HOME/stagelight/tools`, or
/// `~/.cache/stagelight/tools` when that variable is unset or not an absolute path.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Everything that decides what a cached entry contains.
///
/// Two runs share an entry exactly when their pins are equal. The operating system and the
/// processor are always part of it, because home folders are shared between machines.
#[derive(Debug)]
pub(crate) struct Pins {
    digest: Sha256,
}

/// One thing in the cache, made or not yet made.
#[derive(Debug)]
pub(crate) struct Entry {
    name: String,
    directory: PathBuf,
    lock: PathBuf,
    workshop: PathBuf,
}

// === impl Cache ===

impl Cache {
    /// Finds the current user's cache.
    ///
    /// # Errors
    ///
    /// When neither `XDG_CACHE_HOME` nor a home folder is known.
    pub fn of_user() -> Result<Self> {
        let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let base = match xdg.filter(|path| path.is_absolute()) {
            Some(base) => base,
            None => std::env::home_dir()
                .filter(|home| home.is_absolute())
                .context("no cache folder: set HOME or XDG_CACHE_HOME to an absolute path")?
                .join(".cache"),
        };
        Ok(Self::at(base.join("stagelight/tools")))
    }

    /// Uses a folder of the caller's choice, which is made when the first entry is.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Names the entry `name` whose content is decided by `pins`.
    pub(crate) fn entry(&self, name: &str, pins: Pins) -> Entry {
        let name = format!("{name}-{}", pins.finish());
        Entry {
            directory: self.root.join(&name),
            lock: self.root.join(format!(".{name}.lock")),
            workshop: self.root.join(format!(".{name}.making")),
            name,
        }
    }
}

// === impl Pins ===

impl Pins {
    pub(crate) fn new() -> Self {
        Self { digest: Sha256::new() }
            .with("system", std::env::consts::OS)
            .with("processor", std::env::consts::ARCH)
    }

    /// Adds a named value.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        // Lengths first, so that no two lists of pins run into the same bytes.
        for part in [name.as_bytes(), value.as_ref()] {
            self.digest.update((part.len() as u64).to_le_bytes());
            self.digest.update(part);
        }
        self
    }

    /// Adds a file by its name and content.
    pub(crate) fn with_file(self, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(self.with(&name, content))
    }

    fn finish(self) -> String {
        let digest = self.digest.finalize();
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

// === impl Entry ===

impl Entry {
    /// Returns the entry's folder, after calling `make` with an empty folder to fill if there is
    /// none yet.
    ///
    /// The folder appears under its name only when `make` has succeeded. Of several processes that
    /// want the same entry at once, one makes it and the others wait.
    ///
    /// `make` must not write the empty folder's path into what it makes: the folder is renamed.
    pub(crate) fn get_or_make(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        if self.directory.is_dir() {
            return Ok(self.directory.clone());
        }

        let _lock = self.lock()?;
        // Somebody else may have finished it while we waited for the lock.
        if self.directory.is_dir() {
            return Ok(self.directory.clone());
        }

        // Whatever is in the workshop belongs to a run that was killed: we hold the lock.
        if self.workshop.exists() {
            remove(&self.workshop)?;
        }
        fs::create_dir(&self.workshop)
            .with_context(|| format!("cannot make {}", self.workshop.display()))?;
        let made = make(&self.workshop).with_context(|| format!("making {} failed", self.name));
        if made.is_err() {
            remove(&self.workshop)?;
        }
        made?;
        fs::rename(&self.workshop, &self.directory)
            .with_context(|| format!("cannot make {}", self.directory.display()))?;
        Ok(self.directory.clone())
    }

    /// Waits until no other process makes this entry. The lock ends with the returned file.
    fn lock(&self) -> Result<File> {
        let folder = self.lock.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = File::create(&self.lock)
            .with_context(|| format!("cannot make {}", self.lock.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            progress(format_args!("waiting for another run that makes {}", self.name));
            flock(&file, FlockOperation::LockExclusive)
                .with_context(|| format!("cannot lock {}", self.lock.display()))?;
        }
        Ok(file)
    }
}

fn remove(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

#[cfg(test)]
mod tests;
