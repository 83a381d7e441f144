//! Creates the destinations of both signals.

use std::sync::Arc;

use crate::{
    config::{Config, Exporter},
    destination::Destination,
    otlp_client::{DeliveryState, OtlpClient},
    reachability::Reachability,
    signal::Signal,
    start_error::StartError,
    transport::{connect, origin_of},
};

/// The destination of each signal; `None` if it is not exported.
#[derive(Debug)]
pub(super) struct Destinations {
    pub(super) traces: Option<Arc<Destination>>,
    pub(super) metrics: Option<Arc<Destination>>,
}

// === impl Destinations ===

impl Destinations {
    pub(super) fn new(config: &Config) -> Result<Self, StartError> {
        let traces = destination(config, Signal::Traces, None)?;
        let shared = traces.as_ref().and_then(Destination::otlp).map(|it| &it.reachability);
        let metrics = destination(config, Signal::Metrics, shared)?;
        Ok(Self { traces: traces.map(Arc::new), metrics: metrics.map(Arc::new) })
    }
}

fn destination(
    config: &Config,
    signal: Signal,
    shared: Option<&Arc<Reachability>>,
) -> Result<Option<Destination>, StartError> {
    match config.exporter(signal) {
        Exporter::None => Ok(None),
        Exporter::Console => Ok(Some(Destination::Console)),
        Exporter::Otlp => otlp_destination(config, signal, shared).map(Some),
    }
}

fn otlp_destination(
    config: &Config,
    signal: Signal,
    shared: Option<&Arc<Reachability>>,
) -> Result<Destination, StartError> {
    let otlp = config.otlp(signal);
    let (transport, uri) = connect::transport_for(otlp, signal)?;
    let origin = origin_of(&uri);
    // Signals sent to the same collector share its reachability, so that an outage is logged once.
    let same = shared.filter(|it| it.endpoint() == origin);
    let reachability = same.map_or_else(|| Reachability::new(origin), Arc::clone);
    Ok(Destination::Otlp(Box::new(OtlpClient {
        transport,
        protocol: otlp.protocol,
        uri,
        signal,
        timeout: otlp.timeout,
        reachability,
        state: DeliveryState::default(),
    })))
}
