//! Several collectors as in a deployment, each with its own files, variables and ports.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::tools::Tools;
use crate::workspace::Workspace;

use super::ports::Ports;
use super::recipes::{environment, url};
use super::server::{Launcher, Ready, Recipe, Server};

/// The folder of several collectors' data and logs. Dropping it removes the folder.
#[derive(Debug)]
pub struct Fleet {
    tools: Tools,
    launcher: Arc<Launcher>,
    // Last, because the collectors write into it.
    data: TempDir,
}

/// A collector to be started. Its ports are reserved, so that others can be configured with them.
#[derive(Debug)]
pub struct PlannedCollector<'a> {
    fleet: &'a Fleet,
    name: &'static str,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    addresses: CollectorAddresses,
    ports: Ports,
}

/// A running collector. Dropping it stops the collector.
#[derive(Debug)]
pub struct Collector<'a> {
    server: Server,
    addresses: CollectorAddresses,
    /// Keeps the ports reserved.
    _ports: Ports,
    /// Keeps the folder that the collector writes into.
    _fleet: &'a Fleet,
}

/// The addresses and files of a collector. Its configuration decides which are in use.
#[derive(Clone, Debug)]
pub struct CollectorAddresses {
    /// OTLP/gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP/HTTP.
    pub otlp_http: SocketAddr,
    /// A gateway's receiver for traces that are routed by trace id.
    pub traces_by_id: SocketAddr,
    /// The services' metrics, for Prometheus to scrape.
    pub scrape: SocketAddr,
    /// The collector's own metrics.
    pub metrics: SocketAddr,
    /// Answers 200 when the collector is up.
    pub health: SocketAddr,
    /// The file of the exporter `file/traces`: one OTLP export in JSON per line.
    pub traces_file: PathBuf,
    /// The folder of persistent queues.
    pub data_dir: PathBuf,
}

// === impl Fleet ===

impl Fleet {
    /// Builds the collector if necessary, and creates the folder.
    ///
    /// # Errors
    ///
    /// If the collector cannot be built or the folder cannot be created.
    pub fn new() -> Result<Self> {
        let tools = Tools::find_or_build()?;
        let data = tempfile::Builder::new()
            .prefix("stagelight-fleet-")
            .tempdir()
            .context("cannot create a folder for the collectors' data")?;
        let launcher = Arc::new(Launcher::new(&data.path().join("logs"))?);
        Ok(Self { tools, launcher, data })
    }

    /// Returns the folder, for files that collectors read.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Plans a collector. Its name, also that of its log, must be unique in the fleet.
    ///
    /// # Errors
    ///
    /// If no port is free.
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
    /// Returns the addresses that it will have.
    #[must_use]
    pub fn addresses(&self) -> &CollectorAddresses {
        &self.addresses
    }

    /// Adds a configuration file by its path in `collector/`. Later files override earlier ones.
    #[must_use]
    pub fn with_file(mut self, file: &str) -> Self {
        let path = Workspace::find().path("collector").join(file);
        self.arguments.push(format!("--config={}", path.display()).into());
        self
    }

    /// Adds inline configuration.
    #[must_use]
    pub fn with_yaml(mut self, yaml: &str) -> Self {
        self.arguments.push(format!("--config=yaml:{yaml}").into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it and returns when it is up.
    ///
    /// # Errors
    ///
    /// If it cannot be started, ends, or is not up within a minute. The message ends with the last
    /// lines of its log.
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
    /// Returns its addresses.
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
    /// Returns the environment variables that the shipped files read.
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
