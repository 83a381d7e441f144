//! A stack with what is needed to test it.

use std::{sync::LazyLock, time::Duration};

use xtask::{GatewaySource, Profile, Stack, StackOptions, Workspace};

use crate::{caller::Caller, clock::unix_seconds, prometheus::Prometheus};

/// The gateway's job when its metrics come by OTLP: its service name.
pub(crate) const OTLP: &str = "llm-gateway";
/// The gateway's job when Prometheus asks for `/metrics`.
pub(crate) const SCRAPE: &str = "llm-gateway-scrape";

/// The gateway's executable, built once for all tests.
static GATEWAY: LazyLock<GatewaySource> = LazyLock::new(|| {
    GatewaySource::from_env_or_build(Profile::Dev).build(&Workspace::find()).unwrap()
});

/// Running servers, a caller and a view of Prometheus. Dropping it stops the servers.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) stack: Stack,
    pub(crate) prometheus: Prometheus,
    pub(crate) caller: Caller,
}

/// Returns what most tests start: everything is exported several times a second, and nobody looks
/// whether it is worth an alert.
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

// === impl Bench ===

impl Bench {
    pub(crate) fn start(options: &StackOptions) -> Self {
        let stack = Stack::start(options).unwrap();
        let addresses = stack.addresses();
        let prometheus = Prometheus::new(&addresses.prometheus);
        let key = addresses.api_key.as_deref().unwrap();
        let caller = Caller::new(addresses.gateway.as_deref().unwrap(), key);
        Self { stack, prometheus, caller }
    }

    /// Waits until Prometheus shows the gateway as it was some time after this call.
    ///
    /// A caller has its answer a moment before the gateway has recorded it.
    #[track_caller]
    pub(crate) fn settle(&self, job: &str) {
        self.prometheus.wait_until_after(job, unix_seconds() + 0.5);
    }

    /// Returns what the gateway has logged since the log was `from` bytes long.
    pub(crate) fn gateway_log(&self, from: usize) -> String {
        self.stack.gateway().unwrap().log().unwrap().split_off(from)
    }
}
