//! Where the checked-out files are.

use std::path::{Path, PathBuf};

/// The workspace that this program was built from.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

// === impl Workspace ===

impl Workspace {
    /// Finds the workspace from where this crate was compiled.
    ///
    /// `cargo xtask` and `cargo test` both rebuild the crate when the workspace has moved, so the
    /// compiled-in path is current, whatever directory the program is started in.
    #[must_use]
    pub fn find() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        Self { root: root.unwrap_or_else(|| Path::new(".")).to_owned() }
    }

    /// Returns the workspace's root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the full path of a file named from the root.
    #[must_use]
    pub fn path(&self, from_root: impl AsRef<Path>) -> PathBuf {
        self.root.join(from_root)
    }
}
