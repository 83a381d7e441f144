//! Built tools, kept per user and found by later runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::command::progress;

/// The per-user folder of built tools: `$XDG_CACHE_HOME/stagelight/tools`, or
/// `~/.cache/stagelight/tools` when that variable is unset or not an absolute path.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Everything that determines the content of a cache entry.
///
/// Two runs share an entry if their pins are equal. Operating system and processor are always
/// included, because machines may share home folders.
#[derive(Clone, Debug)]
pub struct Pins {
    digest: Sha256,
}

// === impl Cache ===

impl Cache {
    /// Returns the current user's cache.
    ///
    /// # Errors
    ///
    /// If neither `XDG_CACHE_HOME` nor the home folder is known.
    pub fn for_user() -> Result<Self> {
        let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let base = match xdg.filter(|path| path.is_absolute()) {
            Some(base) => base,
            None => std::env::home_dir()
                .filter(|home| home.is_absolute())
                .context("no cache folder: set HOME or XDG_CACHE_HOME to an absolute path")?
                .join(".cache"),
        };
        Ok(Self { root: base.join("stagelight/tools") })
    }

    /// Returns the folder of an entry; if there is none yet, calls `make` with an empty folder.
    ///
    /// The folder gets its name only after `make` has succeeded. If several processes request the
    /// same entry, one makes it and the others wait.
    ///
    /// # Errors
    ///
    /// If `make` fails, or the cache cannot be written.
    pub fn get_or_make(
        &self,
        name: &str,
        pins: Pins,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let name = format!("{name}-{}", pins.finish());
        let entry = self.root.join(&name);
        if entry.is_dir() {
            return Ok(entry);
        }
        let _lock = self.lock(&name)?;
        // Another process may have made it before this one got the lock.
        if entry.is_dir() {
            return Ok(entry);
        }
        let unfinished = self.root.join(format!(".{name}.making"));
        // This process holds the lock, so a folder with this name was left by a killed run.
        remove(&unfinished)?;
        fs::create_dir(&unfinished)
            .with_context(|| format!("cannot create {}", unfinished.display()))?;
        if let Err(error) = make(&unfinished) {
            remove(&unfinished)?;
            return Err(error.context(format!("making {name} failed")));
        }
        fs::rename(&unfinished, &entry)
            .with_context(|| format!("cannot create {}", entry.display()))?;
        Ok(entry)
    }

    /// Waits until no other process makes this entry. Dropping the file unlocks it.
    fn lock(&self, name: &str) -> Result<File> {
        let path = self.root.join(format!(".{name}.lock"));
        let cannot = || format!("cannot lock {}", path.display());
        fs::create_dir_all(&self.root).with_context(cannot)?;
        let file = File::create(&path).with_context(cannot)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            progress(format_args!("waiting for another process that makes {name}"));
            flock(&file, FlockOperation::LockExclusive).with_context(cannot)?;
        }
        Ok(file)
    }
}

// === impl Pins ===

impl Pins {
    /// Returns pins for this operating system and processor.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "the content is not empty")]
    pub fn new() -> Self {
        Self { digest: Sha256::new() }
            .with("system", std::env::consts::OS)
            .with("processor", std::env::consts::ARCH)
    }

    /// Adds a named value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        // Lengths first, so that different lists never hash the same bytes.
        for part in [name.as_bytes(), value.as_ref()] {
            self.digest.update((part.len() as u64).to_le_bytes());
            self.digest.update(part);
        }
        self
    }

    /// Adds a file by its name and content.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn with_file(self, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(self.with(&name, content))
    }

    fn finish(self) -> String {
        let digest = self.digest.finalize();
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::bail;

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { root: folder.path().join("tools") };
        (folder, cache)
    }

    #[test]
    fn concurrent_runs_make_an_entry_once() {
        let (_folder, cache) = cache();
        let made = AtomicUsize::new(0);
        let get = || {
            let pins = Pins::new().with("version", "1");
            let entry = cache.get_or_make("tool", pins, |folder| {
                made.fetch_add(1, Ordering::Relaxed);
                fs::write(folder.join("program"), "1")?;
                Ok(())
            });
            assert_eq!(fs::read_to_string(entry.unwrap().join("program")).unwrap(), "1");
        };

        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(get))));

        get();
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn different_pins_are_different_entries() {
        let path = |pins: Pins| pins.finish();

        assert_ne!(path(Pins::new().with("a", "1")), path(Pins::new().with("a", "2")));
        assert_ne!(path(Pins::new().with("a", "bc")), path(Pins::new().with("ab", "c")));
    }

    #[test]
    fn failed_and_killed_runs_leave_no_entry() {
        let (_folder, cache) = cache();
        let half_made = |folder: &Path| -> Result<()> {
            fs::write(folder.join("half"), "")?;
            bail!("no network")
        };
        let error = cache.get_or_make("tool", Pins::new(), half_made).unwrap_err();
        assert!(format!("{error:#}").ends_with("failed: no network"), "{error:#}");

        let killed = cache.root.join(format!(".tool-{}.making", Pins::new().finish()));
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join("half"), "").unwrap();

        let entry = cache.get_or_make("tool", Pins::new(), |_| Ok(())).unwrap();
        assert_eq!(fs::read_dir(entry).unwrap().count(), 0);
    }
}
