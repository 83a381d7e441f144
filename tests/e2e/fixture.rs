//! A running stack with its clients.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use testbed::{GatewaySource, Profile, Stack, StackOptions};

use crate::{client::Client, prometheus::Prometheus};
use testbed::clock::unix_seconds;

/// The gateway's job for metrics over OTLP: its service name.
pub(crate) const OTLP: &str = "llm-gateway";
/// The gateway's job for scraped metrics.
pub(crate) const SCRAPE: &str = "llm-gateway-scrape";

/// The gateway's executable, built once for all tests.
static GATEWAY: LazyLock<GatewaySource> =
    LazyLock::new(|| GatewaySource::from_env_or_build(Profile::Dev).build().unwrap());

/// Sets a flag when it is dropped, so that a failed assertion ends the threads that poll the flag.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

/// Running servers, with clients of the gateway and of Prometheus. Dropping it stops the servers.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) stack: Stack,
    pub(crate) prometheus: Prometheus,
    pub(crate) client: Client,
}

/// Returns the options of most tests: exports twice a second, no scraping, no rules and no alerts.
pub(crate) fn options() -> StackOptions {
    StackOptions {
        gateway: GATEWAY.clone(),
        export_interval: Duration::from_millis(500),
        scrape_interval: None,
        rules: false,
        alertmanager: None,
        gateway_env: vec![("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "300".to_owned())],
        ..StackOptions::default()
    }
}

// === impl SetOnDrop ===

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

// === impl Fixture ===

impl Fixture {
    pub(crate) fn start(options: &StackOptions) -> Self {
        let stack = Stack::start(options).unwrap();
        let addresses = stack.addresses();
        let prometheus = Prometheus::new(&addresses.prometheus);
        let key = addresses.api_key.as_deref().unwrap();
        let client = Client::new(addresses.gateway.as_deref().unwrap(), key);
        Self { stack, prometheus, client }
    }

    /// Waits until Prometheus has samples from at least 0.5 s after this call.
    ///
    /// The gateway records a request shortly after the client has its response.
    #[track_caller]
    pub(crate) fn settle(&self, job: &str) {
        self.prometheus.wait_until_after(job, unix_seconds() + 0.5);
    }

    /// Returns the gateway's log from byte `from` on.
    pub(crate) fn gateway_log(&self, from: usize) -> String {
        self.stack.gateway().unwrap().log().unwrap().split_off(from)
    }
}
