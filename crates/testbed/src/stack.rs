//! The real servers, wired together on loopback: gateway → collector → Prometheus → Alertmanager.

mod options;
mod ports;
mod plan;
mod reaper;
mod process;
mod exec;
mod server;
mod recipes;
mod fleet;
mod faster;
mod config_files;
mod addresses;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::cache::Cache;
use crate::interrupt::Interrupt;
use crate::tools::Tools;
use crate::workspace::Workspace;

use self::exec::Exec;
use self::plan::Plan;
use self::server::Launcher;

pub use self::addresses::Addresses;
pub use self::fleet::{Collector, CollectorAddresses, Fleet, PlannedCollector};
pub use self::options::{Alertmanager, GatewaySource, Profile, StackOptions};
pub use self::server::Server;

/// Running servers. Dropping it stops them and removes their data.
///
/// The servers also end when this process is killed: none outlives it.
#[derive(Debug)]
pub struct Stack {
    // Fields are dropped in this order, so each server ends before those that it sends to.
    gateway: Option<Server>,
    collector: Server,
    prometheus: Server,
    alertmanager: Option<Server>,
    upstream: Option<Server>,
    addresses: Addresses,
    tools: Tools,
    plan: Plan,
    launcher: Arc<Launcher>,
    // Last, because the servers write into it.
    _data: TempDir,
}

// === impl Stack ===

impl Stack {
    /// Builds what is missing, starts all servers and returns when every one is ready.
    ///
    /// Any number of stacks can run at once, in one process or several: each has ports of its own.
    ///
    /// # Errors
    ///
    /// When something cannot be built or started, or is not ready within a minute. The message
    /// ends with what the server in question logged last.
    pub fn start(options: &StackOptions) -> Result<Self> {
        let workspace = Workspace::find();
        let tools = Tools::find_or_build(&workspace, &Cache::of_user()?)?;
        let gateway_program = options.gateway.find_or_build(&workspace)?;
        let data = tempfile::Builder::new()
            .prefix("stagelight-stack-")
            .tempdir()
            .context("cannot make a folder for the servers' data")?;
        let plan = Plan::new(data.path(), options.log_dir.as_deref())?;
        let launcher = Arc::new(Launcher::new(&plan.log_dir)?);
        config_files::write_prometheus(&plan, options, &workspace)?;

        let start = |recipe| Server::start(&launcher, recipe);
        let program = gateway_program.as_deref();
        let upstream =
            program.map(|it| start(recipes::upstream(&plan, options, it))).transpose()?;
        let alertmanager = options.alertmanager.as_ref().map(|wanted| {
            config_files::write_alertmanager(&plan, options, wanted, &workspace)?;
            start(recipes::alertmanager(&plan, &tools))
        });
        let alertmanager = alertmanager.transpose()?;
        let prometheus = start(recipes::prometheus(&plan, options, &tools))?;
        let collector = start(recipes::collector(&plan, options, &tools, &workspace))?;
        for server in upstream.iter().chain(&alertmanager).chain([&prometheus, &collector]) {
            server.wait_until_ready()?;
        }
        // Last, so that the first thing it exports arrives.
        let gateway = program
            .map(|it| start(recipes::gateway(&plan, options, it, &workspace)))
            .transpose()?;
        if let Some(server) = &gateway {
            server.wait_until_ready()?;
        }

        let addresses = Addresses::of(&plan, options);
        Ok(Self {
            gateway,
            collector,
            prometheus,
            alertmanager,
            upstream,
            addresses,
            tools,
            plan,
            launcher,
            _data: data,
        })
    }

    /// Returns where everything is.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns the tools that the stack runs on, and those that check it.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
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

    /// Ends the gateway in order and starts it anew on the same ports, as a deployment does.
    ///
    /// Of `options` only what concerns the gateway counts. Nothing happens without a gateway.
    ///
    /// # Errors
    ///
    /// When it cannot be built or started, or is not ready within a minute.
    pub fn redeploy_gateway(&mut self, options: &StackOptions) -> Result<()> {
        let workspace = Workspace::find();
        let Some(program) = options.gateway.find_or_build(&workspace)? else { return Ok(()) };
        if let Some(old) = self.gateway.take() {
            let recipe = recipes::gateway(&self.plan, options, &program, &workspace);
            old.stop();
            let new = self.gateway.insert(Server::start(&self.launcher, recipe)?);
            new.wait_until_ready()?;
        }
        Ok(())
    }

    /// Runs a shell command with the addresses in its environment, to its end or to an interrupt.
    ///
    /// Returns what is to be this process' exit status: the command's, or 128 and the number of
    /// the signal that ended it or us. What the command left running in the background is ended.
    ///
    /// # Errors
    ///
    /// When the shell cannot be started, or a server ends before the command does.
    pub fn exec(&self, command: &str, interrupt: &Interrupt) -> Result<u8> {
        let environment = self.addresses.environment(&self.collector);
        let mut exec = Exec::start(&self.launcher, command, environment)?;
        loop {
            if let Some(status) = exec.wait(Self::LOOK_EVERY) {
                return Ok(status);
            }
            if let Some(signal) = interrupt.signal() {
                exec.end();
                return Ok(128 + signal);
            }
            self.check()?;
        }
    }

    /// Returns when the process is asked to stop.
    ///
    /// # Errors
    ///
    /// When a server ends before that.
    pub fn run_until(&self, interrupt: &Interrupt) -> Result<()> {
        while interrupt.signal().is_none() {
            self.check()?;
            std::thread::sleep(Self::LOOK_EVERY);
        }
        Ok(())
    }

    /// Fails if a server has ended that nobody told to.
    ///
    /// # Errors
    ///
    /// Names the server and shows the end of its log.
    pub fn check(&self) -> Result<()> {
        let optional = self.gateway.iter().chain(&self.upstream).chain(&self.alertmanager);
        for server in optional.chain([&self.collector, &self.prometheus]) {
            server.check()?;
        }
        Ok(())
    }

    /// Reads the traces that the collector has written so far: one OTLP export in JSON per line.
    ///
    /// # Errors
    ///
    /// When the file cannot be read. A file that is not there yet is empty.
    pub fn traces(&self) -> Result<String> {
        match fs::read_to_string(&self.plan.traces_file) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).context("cannot read the traces file"),
        }
    }

    const LOOK_EVERY: Duration = Duration::from_millis(100);
}
