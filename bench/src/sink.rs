//! Receivers of exports that discard them, and readers that count the SDKs' values.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::Result;
use stagelight::{
    Builder, Telemetry,
    otel::{Environment, Protocol, Sampler},
};

/// Starts stagelight as `init()` does, with this ratio of traces, exporting over OTLP to a server
/// of this process that discards everything.
///
/// The server does not decode: it is part of the measured process.
///
/// # Errors
///
/// If the server or the exporters cannot be started.
pub fn telemetry(ratio: f64) -> Result<Telemetry> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || accept_all(&stream));
        }
    });
    let telemetry = Builder::from_env(&Environment::from_pairs::<String, String>([]))
        .otlp_protocol(Protocol::HttpProtobuf)
        .otlp_endpoint(&endpoint)
        .export_interval(Duration::from_secs(60))
        .sampler(Sampler::ParentBasedRatio(ratio))
        .build()?;
    Ok(telemetry)
}

/// Responds to every request of a connection with 200.
fn accept_all(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.is_empty() {
                break;
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink()).ok()?;
        (&mut &*stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

/// Defines a metric reader for one version of the SDK.
#[cfg(feature = "peers")]
macro_rules! metrics_reader {
    ($name:ident, $sdk:ident) => {
        /// Keeps the number of values of each histogram.
        #[derive(Clone, Debug, Default)]
        pub struct $name(std::sync::Arc<std::sync::Mutex<std::collections::HashMap<String, u64>>>);

        impl $name {
            /// Returns a reader that collects once a minute and on flush.
            #[must_use]
            pub fn reader(&self) -> $sdk::metrics::PeriodicReader<Self> {
                $sdk::metrics::PeriodicReader::builder(self.clone()).build()
            }

            /// Returns the number of a histogram's values in the last collection.
            #[must_use]
            pub fn count_of(&self, histogram: &str) -> u64 {
                self.0.lock().ok().and_then(|it| it.get(histogram).copied()).unwrap_or(0)
            }
        }

        impl $sdk::metrics::exporter::PushMetricExporter for $name {
            async fn export(
                &self,
                metrics: &$sdk::metrics::data::ResourceMetrics,
            ) -> $sdk::error::OTelSdkResult {
                use $sdk::metrics::data::{AggregatedMetrics::F64, MetricData::Histogram};
                let Ok(mut counts) = self.0.lock() else { return Ok(()) };
                for metric in metrics.scope_metrics().flat_map(|it| it.metrics()) {
                    if let F64(Histogram(histogram)) = metric.data() {
                        let count = histogram.data_points().map(|it| it.count()).sum();
                        counts.insert(metric.name().to_owned(), count);
                    }
                }
                Ok(())
            }

            fn force_flush(&self) -> $sdk::error::OTelSdkResult {
                Ok(())
            }

            fn shutdown_with_timeout(&self, _: Duration) -> $sdk::error::OTelSdkResult {
                Ok(())
            }

            fn temporality(&self) -> $sdk::metrics::Temporality {
                $sdk::metrics::Temporality::Cumulative
            }
        }
    };
}

#[cfg(feature = "peers")]
metrics_reader!(Metrics030, opentelemetry_sdk030);
#[cfg(feature = "peers")]
metrics_reader!(Metrics032, opentelemetry_sdk032);
#[cfg(feature = "peers")]
metrics_reader!(Metrics033, opentelemetry_sdk);
