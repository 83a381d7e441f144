//! A service's metrics page.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use testbed::{
    http_client,
    prometheus_text::{self, Sample},
};

/// A parsed page.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) samples: Vec<Sample>,
}

// === impl Scrape ===

impl Scrape {
    /// Requests `/metrics`.
    pub(crate) async fn get(address: SocketAddr) -> Result<Self> {
        let url = format!("http://{address}/metrics");
        let text = tokio::task::spawn_blocking(move || http_client::get(&url)).await??;
        let samples = prometheus_text::parse(&text);
        let samples = samples.map_err(str::to_owned).map_err(anyhow::Error::msg);
        let samples = samples.context("cannot parse a line of /metrics")?;
        Ok(Self { samples, text })
    }

    /// Returns the series with this name.
    pub(crate) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |it| it.name == name)
    }

    /// Returns the sum of the series with this name that match.
    pub(crate) fn sum(&self, name: &str, matches: impl Fn(&Sample) -> bool) -> f64 {
        self.of(name).filter(|it| matches(it)).map(|it| it.value).sum()
    }
}
