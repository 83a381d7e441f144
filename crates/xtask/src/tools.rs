//! The checkers that only CI runs, built from source at pinned versions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use testbed::command::{cargo, run};
use testbed::{Cache, GoProgram, Pins, download_module};

const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";

/// The schemas of the Prometheus operator's kinds of objects. No Go program imports the module, so
/// its checksum is in no `go.sum`.
const SCHEMAS: &str = "github.com/prometheus-operator/prometheus-operator@v0.94.1";
const SCHEMAS_CHECKSUM: &str = "h1:QEIb2wenPH+SdMN1xMf8l4Pmj00YYXXI6HlbLlQWkww=";
const SCHEMAS_FOLDER: &str = "example/prometheus-operator-crd";

/// Checks the Compose file and the Kubernetes manifests; contains Kubernetes' own code.
pub(crate) const DEPLOY: GoProgram = local("deploy", "tools/deploy", &["."]);

/// Checks dashboards against Grafana's schema.
pub(crate) const DASHBOARDS: GoProgram = local("dashboards", "tools/dashboards", &["."]);

/// Lints Prometheus' rules.
pub(crate) const PINT: GoProgram =
    local("pint", "tools/pint", &["github.com/cloudflare/pint/cmd/pint"]);

const fn local(
    name: &'static str,
    pinned_in: &'static str,
    packages: &'static [&'static str],
) -> GoProgram {
    GoProgram { name, pinned_in, packages, tags: "", version: None, web_page: None }
}

/// Builds every checker, in the order in which CI needs them.
pub(crate) fn build_checkers() -> Result<()> {
    for program in [DEPLOY, DASHBOARDS, PINT] {
        program.find_or_build()?;
    }
    operator_schemas()?;
    cargo_fuzz()?;
    cargo_deny()?;
    Ok(())
}

/// Returns the `cargo-deny` executable, after building it if it is not in the cache.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    cargo_install("cargo-deny", CARGO_DENY)
}

/// Returns the `cargo-fuzz` executable, after building it if it is not in the cache.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    cargo_install("cargo-fuzz", CARGO_FUZZ)
}

/// Returns the folder of the operator's CustomResourceDefinitions in Go's module cache.
pub(crate) fn operator_schemas() -> Result<PathBuf> {
    let (folder, sum) = download_module(Path::new("/"), SCHEMAS)?;
    ensure!(
        sum == SCHEMAS_CHECKSUM,
        "{SCHEMAS} has the checksum {sum}, expected {SCHEMAS_CHECKSUM}"
    );
    Ok(folder.join(SCHEMAS_FOLDER))
}

fn cargo_install(name: &'static str, version: &str) -> Result<PathBuf> {
    let pins = Pins::new().with("version", version);
    let folder = Cache::for_user()?.get_or_make(name, pins, |folder| {
        let target = folder.join("target");
        // In the entry's folder, where this workspace's Cargo settings do not apply.
        run(cargo()
            .args(["install", name, "--locked", "--version", version, "--root"])
            .arg(folder)
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", &target))?;
        fs::remove_dir_all(target)?;
        Ok(())
    })?;
    Ok(folder.join("bin").join(name))
}
