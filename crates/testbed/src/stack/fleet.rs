//! Collectors as a deployment has them: several, each with files, variables and ports of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::cache::Cache;
use crate::tools::Tools;
use crate::workspace::Workspace;

use super::ports::Ports;
use super::recipes::{environment, url};
use super::server::{Launcher, Ready, Recipe, Server};

/// What several collectors share: a folder for their data and logs. Dropping it removes the folder.
#[derive(Debug)]
pub struct Fleet {
    tools: Tools,
    workspace: Workspace,
    launcher: Arc<Launcher>,
    // Last, because the collectors write into it.
    data: TempDir,
}

/// A collector that is to be started. It has its ports already, so that others can be told of it.
#[derive(Debug)]
pub struct PlannedCollector<'a> {
    fleet: &'a Fleet,
    name: &'static str,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    addresses: CollectorAddresses,
    ports: Ports,
}

/// A collector that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Collector<'a> {
    server: Server,
    addresses: CollectorAddresses,
    /// Keeps others away from the ports.
    _ports: Ports,
    /// Whose folder the collector writes into.
    _fleet: &'a Fleet,
}

/// Where a collector listens and writes. Which of them are in use is up to its files.
#[derive(Clone, Debug)]
pub struct CollectorAddresses {
    /// OTLP/gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP/HTTP.
    pub otlp_http: SocketAddr,
    /// A gateway's door for traces that have been brought to the right gateway.
    pub traces_by_id: SocketAddr,
    /// The services' metrics, for Prometheus to ask for.
    pub scrape: SocketAddr,
    /// The collector's own metrics.
    pub metrics: SocketAddr,
    /// Answers 200 when it is up.
    pub health: SocketAddr,
    /// Where `file/traces` writes: one OTLP export in JSON per line.
    pub traces_file: PathBuf,
    /// Where queues are kept.
    pub data_dir: PathBuf,
}

// === impl Fleet ===

impl Fleet {
    /// Builds the collector if there is none yet, and makes the folder.
    ///
    /// # Errors
    ///
    /// When the collector cannot be built or the folder cannot be made.
    pub fn new() -> Result<Self> {
        let workspace = Workspace::find();
        let tools = Tools::find_or_build(&workspace, &Cache::of_user()?)?;
        let data = tempfile::Builder::new()
            .prefix("stagelight-fleet-")
            .tempdir()
            .context("cannot make a folder for the collectors' data")?;
        let launcher = Arc::new(Launcher::new(&data.path().join("logs"))?);
        Ok(Self { tools, workspace, launcher, data })
    }

    /// Returns the folder, for files that collectors are to read.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Plans a collector. The name is its log's, too, and has to be a new one.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn collector(&self, name: &'static str) -> Result<PlannedCollector<'_>> {
        let mut ports = Ports::reserve()?;
        let addresses = CollectorAddresses {
            otlp_grpc: ports.take()?,
            otlp_http: ports.take()?,
            traces_by_id: ports.take()?,
            scrape: ports.take()?,
            metrics: ports.take()?,
            health: ports.take()?,
            traces_file: self.data.path().join(format!("{name}.jsonl")),
            data_dir: self.data.path().join(format!("{name}.data")),
        };
        let environment = addresses.environment();
        Ok(PlannedCollector {
            fleet: self,
            name,
            arguments: Vec::new(),
            environment,
            addresses,
            ports,
        })
    }
}

// === impl PlannedCollector ===

impl<'a> PlannedCollector<'a> {
    /// Returns where it is going to be.
    #[must_use]
    pub fn addresses(&self) -> &CollectorAddresses {
        &self.addresses
    }

    /// Adds a configuration file, by its path below `collector/`; later files win.
    #[must_use]
    pub fn with_file(mut self, file: &str) -> Self {
        let path = self.fleet.workspace.path("collector").join(file);
        self.arguments.push(format!("--config={}", path.display()).into());
        self
    }

    /// Adds configuration that is in no file.
    #[must_use]
    pub fn with_yaml(mut self, yaml: &str) -> Self {
        self.arguments.push(format!("--config=yaml:{yaml}").into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it and returns when it is up.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends, or is not up within a minute. The message ends with what
    /// it logged last.
    pub fn start(self) -> Result<Collector<'a>> {
        let recipe = Recipe {
            name: self.name,
            program: self.fleet.tools.collector.clone(),
            arguments: self.arguments,
            environment: self.environment,
            ready: Ready::Answers(url(self.addresses.health)),
        };
        let server = Server::start(&self.fleet.launcher, recipe)?;
        server.wait_until_ready()?;
        Ok(Collector { server, addresses: self.addresses, _ports: self.ports, _fleet: self.fleet })
    }
}

// === impl Collector ===

impl Collector<'_> {
    /// Returns where it is.
    #[must_use]
    pub fn addresses(&self) -> &CollectorAddresses {
        &self.addresses
    }

    /// Returns its process.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }
}

// === impl CollectorAddresses ===

impl CollectorAddresses {
    /// Returns the variables that the shipped files take these from.
    fn environment(&self) -> Vec<(String, OsString)> {
        let mut environment = environment(&[
            ("STAGELIGHT_OTLP_GRPC_ADDRESS", &self.otlp_grpc.to_string()),
            ("STAGELIGHT_OTLP_HTTP_ADDRESS", &self.otlp_http.to_string()),
            ("STAGELIGHT_TRACES_BY_ID_ADDRESS", &self.traces_by_id.to_string()),
            ("STAGELIGHT_SCRAPE_ADDRESS", &self.scrape.to_string()),
            ("STAGELIGHT_COLLECTOR_METRICS_HOST", &self.metrics.ip().to_string()),
            ("STAGELIGHT_COLLECTOR_METRICS_PORT", &self.metrics.port().to_string()),
            ("STAGELIGHT_COLLECTOR_HEALTH_ADDRESS", &self.health.to_string()),
            ("STAGELIGHT_TRACES_EXPORTER", "file/traces"),
        ]);
        let paths = [
            ("STAGELIGHT_TRACES_FILE", &self.traces_file),
            ("STAGELIGHT_COLLECTOR_DATA_DIR", &self.data_dir),
        ];
        environment.extend(paths.map(|(name, path)| (name.to_owned(), path.clone().into())));
        environment
    }
}
