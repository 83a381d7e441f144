//! How one Go program is built from what is pinned for it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cache::{Cache, Pins};
use crate::command::{output, run};
use crate::terminal::progress;
use crate::workspace::Workspace;

use super::golang::Go;

/// A Go program (or several of one module) and all that decides what comes out.
#[derive(Debug)]
pub(crate) struct GoProgram {
    /// Its name in the cache and in messages.
    pub(crate) name: &'static str,
    /// The folder, from the root, of its `go.mod`, `go.sum` and Go files.
    pub(crate) pinned_in: &'static str,
    /// The packages to build; each gives one executable.
    pub(crate) packages: &'static [&'static str],
    /// Build tags, separated by commas.
    pub(crate) tags: &'static str,
    /// What the program is to say about itself, where its module leaves that to the builder.
    pub(crate) version: Option<&'static str>,
    /// The generated web page that the module embeds but does not contain.
    pub(crate) web_page: Option<WebPage>,
}

/// A folder that a module embeds and that only its own release process fills.
#[derive(Debug)]
pub(crate) struct WebPage {
    pub(crate) module: &'static str,
    pub(crate) folder: &'static str,
}

/// What we read of the answer of `go mod download -json`.
#[derive(Deserialize)]
struct Downloaded {
    #[serde(rename = "Dir")]
    folder: PathBuf,
}

// === impl GoProgram ===

impl GoProgram {
    /// Returns the folder with the built executables.
    pub(crate) fn find_or_build(&self, workspace: &Workspace, cache: &Cache) -> Result<PathBuf> {
        let entry = cache.entry(self.name, self.pins(workspace)?);
        let folder = entry.get_or_make(|folder| self.build(workspace, folder))?;
        Ok(folder.join("bin"))
    }

    fn pins(&self, workspace: &Workspace) -> Result<Pins> {
        let recipe = format!("{self:?} {:?}", self.build_arguments());
        self.pinned_files(workspace)?
            .iter()
            .try_fold(Pins::new().with("recipe", recipe), |pins, file| pins.with_file(file))
    }

    /// Lists the Go files and module files, in a stable order.
    pub(crate) fn pinned_files(&self, workspace: &Workspace) -> Result<Vec<PathBuf>> {
        let folder = workspace.path(self.pinned_in);
        let mut files = Vec::new();
        for entry in
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
        {
            let path = entry?.path();
            let kind = path.extension().and_then(|extension| extension.to_str());
            if matches!(kind, Some("go" | "mod" | "sum")) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn build(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        let go = Go::find()?;
        progress(format_args!("building {}, once; this takes some minutes", self.name));
        let source = folder.join("source");
        fs::create_dir(&source)?;
        for file in self.pinned_files(workspace)? {
            fs::copy(&file, source.join(file.file_name().unwrap_or_default()))?;
        }

        if let Some(page) = &self.web_page {
            page.put_placeholder(&go, &source)?;
        }
        let arguments = self.build_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&mut go.command(&source, &arguments))?;
        fs::remove_dir_all(source)?;
        Ok(())
    }

    fn build_arguments(&self) -> Vec<String> {
        let version = self.version.map_or(String::new(), |version| {
            format!(" -X github.com/prometheus/common/version.Version={version}")
        });
        let mut arguments = vec![
            "build".to_owned(),
            "-trimpath".to_owned(),
            // The folder is ours and no checkout.
            "-buildvcs=false".to_owned(),
            format!("-tags={}", self.tags),
            format!("-ldflags=-s -w{version}"),
            "-o=../bin/".to_owned(),
        ];
        arguments.extend(self.packages.iter().map(|&package| package.to_owned()));
        arguments
    }
}

// === impl WebPage ===

impl WebPage {
    /// Gives the module its missing folder, with a page that says why there is nothing to see.
    ///
    /// Go does not let a build add files to a downloaded module, so the build uses a copy of it.
    /// The download is compared with the pinned checksum first.
    fn put_placeholder(&self, go: &Go, source: &Path) -> Result<()> {
        let answer = output(&mut go.command(source, &["mod", "download", "-json", self.module]))?;
        let downloaded: Downloaded = serde_json::from_str(&answer)
            .with_context(|| format!("cannot read what go said about {}", self.module))?;
        let copy = source.join("module");
        copy_folder(&downloaded.folder, &copy)?;

        let page = copy.join(self.folder);
        fs::create_dir_all(&page)?;
        fs::write(page.join("index.html"), "<p>This build has no web page; its API works.</p>\n")?;
        let replace = format!("-replace={}=./module", self.module);
        run(&mut go.command(source, &["mod", "edit", &replace]))
    }
}

/// Copies files and folders. Permissions are not copied: the module cache is read-only.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
