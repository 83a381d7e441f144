//! Real servers on loopback: gateway → collector → Prometheus → Alertmanager.

mod options;
mod ports;
mod plan;
mod reaper;
mod process;
mod server;
mod recipes;
mod fleet;
mod faster;
mod config_files;
mod addresses;

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::tools::Tools;

use self::plan::Plan;
use self::server::Launcher;

pub use self::addresses::Addresses;
pub use self::fleet::{Collector, CollectorAddresses, Fleet, PlannedCollector};
pub use self::options::{Alertmanager, GatewaySource, Profile, StackOptions};
pub use self::process::Process;
pub use self::reaper::Reaper;
pub use self::recipes::API_KEY;
pub use self::server::Server;

/// Running servers. Dropping it stops them and removes their data.
///
/// The servers also end when this process is killed.
#[derive(Debug)]
pub struct Stack {
    // Fields are dropped in this order, so each server ends before those that it sends to.
    gateway: Option<Server>,
    collector: Server,
    prometheus: Server,
    alertmanager: Option<Server>,
    upstream: Option<Server>,
    addresses: Addresses,
    plan: Plan,
    launcher: Arc<Launcher>,
    // Last, because the servers write into it.
    _data: TempDir,
}

// === impl Stack ===

impl Stack {
    /// Builds missing programs, starts all servers and returns when they are ready.
    ///
    /// Any number of stacks can run at once, in one process or several: each reserves its ports.
    ///
    /// # Errors
    ///
    /// If a program cannot be built or started, or a server is not ready within a minute. The
    /// message ends with the last lines of the server's log.
    pub fn start(options: &StackOptions) -> Result<Self> {
        let tools = Tools::find_or_build()?;
        let gateway_program = options.gateway.find_or_build()?;
        let data = tempfile::Builder::new()
            .prefix("stagelight-stack-")
            .tempdir()
            .context("cannot create a folder for the servers' data")?;
        let plan = Plan::new(data.path(), options.log_dir.as_deref())?;
        let launcher = Arc::new(Launcher::new(&plan.log_dir)?);
        config_files::write_prometheus(&plan, options)?;

        let start = |recipe| Server::start(&launcher, recipe);
        let program = gateway_program.as_deref();
        let upstream =
            program.map(|it| start(recipes::upstream(&plan, options, it))).transpose()?;
        let alertmanager = options.alertmanager.as_ref().map(|settings| {
            config_files::write_alertmanager(&plan, options, settings)?;
            start(recipes::alertmanager(&plan, &tools))
        });
        let alertmanager = alertmanager.transpose()?;
        let prometheus = start(recipes::prometheus(&plan, options, &tools))?;
        let collector = start(recipes::collector(&plan, options, &tools))?;
        for server in upstream.iter().chain(&alertmanager).chain([&prometheus, &collector]) {
            server.wait_until_ready()?;
        }
        // Last, so that its first export arrives.
        let gateway = program.map(|it| start(recipes::gateway(&plan, options, it))).transpose()?;
        if let Some(server) = &gateway {
            server.wait_until_ready()?;
        }

        Ok(Self {
            gateway,
            collector,
            prometheus,
            alertmanager,
            upstream,
            addresses: Addresses::new(&plan, options),
            plan,
            launcher,
            _data: data,
        })
    }

    /// Returns the servers' addresses.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns the collector's process.
    #[must_use]
    pub fn collector(&self) -> &Server {
        &self.collector
    }

    /// Returns Prometheus' process.
    #[must_use]
    pub fn prometheus(&self) -> &Server {
        &self.prometheus
    }

    /// Returns Alertmanager's process, unless the stack was started without one.
    #[must_use]
    pub fn alertmanager(&self) -> Option<&Server> {
        self.alertmanager.as_ref()
    }

    /// Returns the gateway's process, unless the stack was started without one.
    #[must_use]
    pub fn gateway(&self) -> Option<&Server> {
        self.gateway.as_ref()
    }

    /// Returns the process of the gateway's upstream, unless the stack was started without one.
    #[must_use]
    pub fn upstream(&self) -> Option<&Server> {
        self.upstream.as_ref()
    }

    /// Returns the shell that ends the servers, for further processes of the same lifetime.
    #[must_use]
    pub fn reaper(&self) -> &Arc<Reaper> {
        self.launcher.reaper()
    }

    /// Shuts the gateway down and starts it again on the same ports, as a deployment does.
    ///
    /// Only the gateway's part of `options` applies. Without a gateway nothing happens.
    ///
    /// # Errors
    ///
    /// If it cannot be built or started, or is not ready within a minute.
    pub fn redeploy_gateway(&mut self, options: &StackOptions) -> Result<()> {
        let Some(program) = options.gateway.find_or_build()? else { return Ok(()) };
        if let Some(old) = self.gateway.take() {
            let recipe = recipes::gateway(&self.plan, options, &program);
            old.stop();
            let new = self.gateway.insert(Server::start(&self.launcher, recipe)?);
            new.wait_until_ready()?;
        }
        Ok(())
    }

    /// Fails if a server has ended by itself.
    ///
    /// # Errors
    ///
    /// Names the server and shows the end of its log.
    pub fn check(&self) -> Result<()> {
        let optional = self.gateway.iter().chain(&self.upstream).chain(&self.alertmanager);
        optional.chain([&self.collector, &self.prometheus]).try_for_each(Server::check)
    }

    /// Returns the traces that the collector has written: one OTLP export in JSON per line.
    ///
    /// # Errors
    ///
    /// If the file cannot be read. A missing file is empty.
    pub fn traces(&self) -> Result<String> {
        match fs::read_to_string(&self.addresses.traces_file) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).context("cannot read the traces file"),
        }
    }
}
