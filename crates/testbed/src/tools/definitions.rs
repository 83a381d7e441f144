//! The schemas that the Prometheus operator publishes for its own kinds of objects.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::command::output;

use super::golang::Go;

/// No program of ours imports the module, so its version and checksum are not in any `go.mod`.
const MODULE: &str = "github.com/prometheus-operator/prometheus-operator@v0.94.1";
const CHECKSUM: &str = "h1:QEIb2wenPH+SdMN1xMf8l4Pmj00YYXXI6HlbLlQWkww=";

/// Where the CustomResourceDefinitions are in it.
const FOLDER: &str = "example/prometheus-operator-crd";

/// What we read of the answer of `go mod download -json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    dir: PathBuf,
    sum: String,
}

/// Returns the folder of the CustomResourceDefinitions, in Go's module cache, after fetching it if it is not there.
pub(crate) fn find_or_fetch() -> Result<PathBuf> {
    let mut command = Go::find()?.command(Path::new("/"), &["mod", "download", "-json", MODULE]);
    let answer = output(&mut command)?;
    let downloaded: Downloaded = serde_json::from_str(&answer)
        .with_context(|| format!("cannot read what go said about {MODULE}"))?;
    if downloaded.sum != CHECKSUM {
        bail!("{MODULE} has the checksum {}, expected {CHECKSUM}", downloaded.sum);
    }
    Ok(downloaded.dir.join(FOLDER))
}
