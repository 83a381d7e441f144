//! Finds out where the signals go.

use std::sync::Arc;

use crate::{
    config::{Config, Exporter},
    destination::Destination,
    otlp::{Otlp, State},
    reachability::Reachability,
    signal::Signal,
    start_error::StartError,
    transport::{connect, origin_of},
};

/// Where each signal goes; `None` for nowhere.
#[derive(Debug)]
pub(super) struct Destinations {
    pub(super) traces: Option<Arc<Destination>>,
    pub(super) metrics: Option<Arc<Destination>>,
}

// === impl Destinations ===

impl Destinations {
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        let traces = open(config, Signal::Traces, None)?;
        let known = traces.as_ref().and_then(Destination::otlp).map(|it| &it.reachability);
        let metrics = open(config, Signal::Metrics, known)?;
        Ok(Self { traces: traces.map(Arc::new), metrics: metrics.map(Arc::new) })
    }
}

fn open(
    config: &Config,
    signal: Signal,
    known: Option<&Arc<Reachability>>,
) -> Result<Option<Destination>, StartError> {
    match config.exporter(signal) {
        Exporter::None => Ok(None),
        Exporter::Console => Ok(Some(Destination::Console)),
        Exporter::Otlp => open_otlp(config, signal, known).map(Some),
    }
}

fn open_otlp(
    config: &Config,
    signal: Signal,
    known: Option<&Arc<Reachability>>,
) -> Result<Destination, StartError> {
    let otlp = config.otlp(signal);
    let (transport, uri) = connect::transport_for(otlp, signal)?;
    let origin = origin_of(&uri);
    // One collector is reported once, whatever is sent there.
    let same = known.filter(|it| it.endpoint() == origin);
    let reachability = same.map_or_else(|| Reachability::new(origin), Arc::clone);
    Ok(Destination::Otlp(Box::new(Otlp {
        transport,
        protocol: otlp.protocol,
        uri,
        signal,
        timeout: otlp.timeout,
        reachability,
        state: State::default(),
    })))
}
