//! Every port and path of one stack, decided before anything starts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::ports::Ports;

/// Where each server listens and writes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) gateway: SocketAddr,
    pub(crate) gateway_metrics: SocketAddr,
    pub(crate) upstream: SocketAddr,
    pub(crate) prometheus: SocketAddr,
    pub(crate) alertmanager: SocketAddr,
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) collector_health: SocketAddr,
    pub(crate) collector_metrics: SocketAddr,
    pub(crate) prometheus_dir: PathBuf,
    pub(crate) alertmanager_dir: PathBuf,
    pub(crate) collector_dir: PathBuf,
    pub(crate) traces_file: PathBuf,
    pub(crate) log_dir: PathBuf,
    /// Keeps other stacks away from the ports.
    _ports: Ports,
}

// === impl Plan ===

impl Plan {
    /// Chooses ports, and paths in `data`; logs go there too unless told otherwise.
    pub(crate) fn new(data: &Path, log_dir: Option<&Path>) -> Result<Self> {
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
