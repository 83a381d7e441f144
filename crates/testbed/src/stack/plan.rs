//! The ports and paths of one stack, chosen before anything starts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::ports::Ports;

/// The addresses and folders of each server.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) gateway: SocketAddr,
    pub(super) gateway_metrics: SocketAddr,
    pub(super) upstream: SocketAddr,
    pub(super) prometheus: SocketAddr,
    pub(super) alertmanager: SocketAddr,
    pub(super) otlp_grpc: SocketAddr,
    pub(super) otlp_http: SocketAddr,
    pub(super) collector_health: SocketAddr,
    pub(super) collector_metrics: SocketAddr,
    pub(super) prometheus_dir: PathBuf,
    pub(super) alertmanager_dir: PathBuf,
    pub(super) collector_dir: PathBuf,
    pub(super) traces_file: PathBuf,
    pub(super) log_dir: PathBuf,
    /// Keeps the ports reserved.
    _ports: Ports,
}

// === impl Plan ===

impl Plan {
    /// Chooses ports, and paths in `data`; logs go to `log_dir` if it is given.
    pub(super) fn new(data: &Path, log_dir: Option<&Path>) -> Result<Self> {
        let mut ports = Ports::reserve()?;
        Ok(Self {
            gateway: ports.take()?,
            gateway_metrics: ports.take()?,
            upstream: ports.take()?,
            prometheus: ports.take()?,
            alertmanager: ports.take()?,
            otlp_grpc: ports.take()?,
            otlp_http: ports.take()?,
            collector_health: ports.take()?,
            collector_metrics: ports.take()?,
            prometheus_dir: data.join("prometheus"),
            alertmanager_dir: data.join("alertmanager"),
            collector_dir: data.join("collector"),
            traces_file: data.join("traces.jsonl"),
            log_dir: std::path::absolute(log_dir.unwrap_or(&data.join("logs")))?,
            _ports: ports,
        })
    }
}
