//! The Go programs that tests and CI run, built from source at pinned versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, Pins};
use crate::command::{output, progress, run};
use crate::workspace::Workspace;

/// The paths of the servers and of their checkers.
#[derive(Clone, Debug, Serialize)]
pub struct Tools {
    /// OpenTelemetry Collector with the components of `collector/distribution/manifest.yaml`.
    pub collector: PathBuf,
    /// Prometheus, without its web page.
    pub prometheus: PathBuf,
    /// Checks and tests Prometheus configurations and rules.
    pub promtool: PathBuf,
    /// Alertmanager, without its web page.
    pub alertmanager: PathBuf,
    /// Checks Alertmanager configurations and routes.
    pub amtool: PathBuf,
}

/// One or more Go programs of one module, and everything that determines the result.
///
/// Its `Debug` text is part of the cache key: changing it rebuilds every tool.
#[derive(Debug)]
pub struct GoProgram {
    /// The name in the cache and in messages.
    pub name: &'static str,
    /// The folder, from the root, of `go.mod`, `go.sum` and Go files.
    pub pinned_in: &'static str,
    /// The packages to build; each gives one executable.
    pub packages: &'static [&'static str],
    /// Build tags, separated by commas.
    pub tags: &'static str,
    /// The version that the program reports, if its module leaves that to the builder.
    pub version: Option<&'static str>,
    /// The generated web page that the module embeds but does not contain.
    pub web_page: Option<WebPage>,
}

/// A folder that a module embeds and that only the module's own release process fills.
#[derive(Debug)]
pub struct WebPage {
    /// The module.
    pub module: &'static str,
    /// The folder in it.
    pub folder: &'static str,
}

/// The part of `go mod download -json` that is read here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    dir: PathBuf,
    sum: String,
}

/// The collector, from sources that the collector builder generated from its manifest.
const COLLECTOR: GoProgram = GoProgram {
    name: "collector",
    pinned_in: "collector/distribution",
    packages: &["."],
    tags: "",
    version: None,
    web_page: None,
};

/// Prometheus and promtool. The tags leave out the web page, which is not in the Go module, and
/// service discovery in clouds, half of the compile time.
const PROMETHEUS: GoProgram = GoProgram {
    name: "prometheus",
    pinned_in: "tools/prometheus",
    packages: &[
        "github.com/prometheus/prometheus/cmd/prometheus",
        "github.com/prometheus/prometheus/cmd/promtool",
    ],
    tags: "netgo,remove_all_sd,enable_dns_sd,enable_kubernetes_sd",
    version: Some("3.15.0"),
    web_page: None,
};

/// Alertmanager and amtool.
const ALERTMANAGER: GoProgram = GoProgram {
    name: "alertmanager",
    pinned_in: "tools/alertmanager",
    packages: &[
        "github.com/prometheus/alertmanager/cmd/alertmanager",
        "github.com/prometheus/alertmanager/cmd/amtool",
    ],
    tags: "netgo",
    version: Some("0.34.2"),
    web_page: Some(WebPage { module: "github.com/prometheus/alertmanager", folder: "ui/app/dist" }),
};

// === impl Tools ===

impl Tools {
    /// Returns the tools from the user's cache, after building the missing ones.
    ///
    /// The first run takes about ten minutes on two cores.
    ///
    /// # Errors
    ///
    /// If Go is missing or too old, a module cannot be fetched or differs from its pinned
    /// checksum, a build fails, or the cache cannot be written.
    pub fn find_or_build() -> Result<Self> {
        let collector = COLLECTOR.find_or_build()?;
        let prometheus = PROMETHEUS.find_or_build()?;
        let alertmanager = ALERTMANAGER.find_or_build()?;
        Ok(Self {
            collector: collector.join("otelcol-stagelight"),
            prometheus: prometheus.join("prometheus"),
            promtool: prometheus.join("promtool"),
            alertmanager: alertmanager.join("alertmanager"),
            amtool: alertmanager.join("amtool"),
        })
    }
}

// === impl GoProgram ===

impl GoProgram {
    /// Returns the folder with the executables, after building them if they are not in the cache.
    ///
    /// # Errors
    ///
    /// See [`Tools::find_or_build`].
    pub fn find_or_build(&self) -> Result<PathBuf> {
        let files = self.pinned_files()?;
        let recipe = format!("{self:?} {:?}", self.build_arguments());
        let pins = files
            .iter()
            .try_fold(Pins::new().with("recipe", recipe), |pins, file| pins.with_file(file))?;
        let entry =
            Cache::for_user()?.get_or_make(self.name, pins, |folder| self.build(&files, folder))?;
        Ok(entry.join("bin"))
    }

    /// Lists the Go files and module files in a stable order.
    fn pinned_files(&self) -> Result<Vec<PathBuf>> {
        let folder = Workspace::find().path(self.pinned_in);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut files = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
        let is_pin = |extension: &str| matches!(extension, "go" | "mod" | "sum");
        files.retain(|it| it.extension().and_then(|it| it.to_str()).is_some_and(is_pin));
        files.sort();
        Ok(files)
    }

    fn build(&self, files: &[PathBuf], folder: &Path) -> Result<()> {
        progress(format_args!("building {}; takes minutes, once", self.name));
        let source = folder.join("source");
        fs::create_dir(&source)?;
        for file in files {
            fs::copy(file, source.join(file.file_name().unwrap_or_default()))?;
        }
        if let Some(page) = &self.web_page {
            page.add_placeholder(&source)?;
        }
        let arguments = self.build_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&mut go(&source, &arguments)).context(
            "the collector, Prometheus and Alertmanager are built from source: \
             put a Go of the version in go.mod or newer in PATH (https://go.dev/dl)",
        )?;
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
            // The folder is not a checkout.
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
    /// Adds the missing folder to the module, with a page that explains why it is empty.
    ///
    /// Go builds cannot add files to a downloaded module, so the build uses a copy of it.
    fn add_placeholder(&self, source: &Path) -> Result<()> {
        let (module, _) = download_module(source, self.module)?;
        let copy = source.join("module");
        copy_folder(&module, &copy)?;

        let page = copy.join(self.folder);
        fs::create_dir_all(&page)?;
        fs::write(page.join("index.html"), "<p>This build has no web page; its API works.</p>\n")?;
        let replace = format!("-replace={}=./module", self.module);
        run(&mut go(source, &["mod", "edit", &replace]))
    }
}

/// Downloads a module into Go's cache; returns its folder and its checksum.
///
/// If `folder` is that of a `go.mod` that requires the module, Go verifies the checksum.
///
/// # Errors
///
/// If Go is missing, or the module cannot be fetched or fails verification.
pub fn download_module(folder: &Path, module: &str) -> Result<(PathBuf, String)> {
    let json = output(&mut go(folder, &["mod", "download", "-json", module]))?;
    let downloaded: Downloaded = serde_json::from_str(&json)
        .with_context(|| format!("cannot parse the output of go for {module}"))?;
    Ok((downloaded.dir, downloaded.sum))
}

/// Returns `go` with these arguments in this folder.
///
/// The user's module proxy, checksum database and caches apply. Whatever else could change the
/// result does not: flags, a Go workspace, a C compiler, or a toolchain that Go downloads. `go.mod`
/// and `go.sum` are the pins; Go fails if they are incomplete, or if it is older than `go.mod`
/// requires.
fn go(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("go");
    command
        .args(arguments)
        .current_dir(folder)
        // Not empty, or Go would read flags from the user's settings file.
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off")
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0");
    command
}

/// Copies files and folders, but not permissions: the module cache is read-only.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
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
