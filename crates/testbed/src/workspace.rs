//! Paths in the repository.

use std::path::{Path, PathBuf};

/// The workspace that this crate was built from.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

// === impl Workspace ===

impl Workspace {
    /// Returns the workspace, whatever the current directory is.
    ///
    /// The path is compiled in. `cargo xtask` and `cargo test` rebuild this crate when the
    /// workspace has moved.
    #[must_use]
    pub fn find() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        Self { root: root.unwrap_or(Path::new(".")).to_owned() }
    }

    /// Returns the root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the absolute path of a file given relative to the root.
    #[must_use]
    pub fn path(&self, from_root: impl AsRef<Path>) -> PathBuf {
        self.root.join(from_root)
    }
}
