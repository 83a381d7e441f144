//! Exports all metrics together: the stage store's, the user's, and the exporter's own.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest, metrics::v1::ResourceMetrics,
    resource::v1::Resource as OtlpResource,
};
use stagelight_core::{Engine, ExemplarReader, Percentages};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout_at},
};

use crate::{
    config::Histograms,
    counts::ExportCounts,
    deadline,
    delivery::DeliveryError,
    destination::Destination,
    encode::{self, Period},
    exporter_metrics::ExporterMetrics,
    instruments::UserInstruments,
    outbox::Outbox,
    outside_requests::OutsideRequests,
    signal::Signal,
    supervisor::Worker,
    worker::{Command, FlushError},
};

/// The task that exports metrics at an interval.
#[derive(Debug)]
pub(crate) struct MetricExport {
    pub(crate) engine: Engine,
    pub(crate) percentages: Percentages,
    pub(crate) exemplars: ExemplarReader,
    pub(crate) instruments: Arc<UserInstruments>,
    pub(crate) exporter_metrics: Arc<ExporterMetrics>,
    pub(crate) outside_requests: OutsideRequests,
    pub(crate) counts: Arc<ExportCounts>,
    pub(crate) destination: Arc<Destination>,
    pub(crate) resource: OtlpResource,
    /// Start of the period of cumulative values.
    pub(crate) start: SystemTime,
    pub(crate) histograms: Histograms,
    pub(crate) interval: Duration,
    /// Maximum time for one collection and export.
    pub(crate) timeout: Duration,
    pub(crate) outbox: Outbox<ExportMetricsServiceRequest>,
}

/// What the task reacts to.
enum WorkerEvent {
    /// The interval has elapsed.
    Tick,
    Command(Command),
    /// All command senders are dropped.
    Closed,
}

// === impl MetricExport ===

impl Worker for MetricExport {
    const SIGNAL: Signal = Signal::Metrics;

    async fn run(&mut self, commands: &mut mpsc::Receiver<Command>) {
        let interval = deadline::bounded(self.interval);
        let mut ticks = interval_at(deadline::after(interval), interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut event = tokio::select! {
                _ = ticks.tick() => WorkerEvent::Tick,
                command = commands.recv() => command.into(),
            };
            if matches!(event, WorkerEvent::Tick) {
                event = self.export_until_command(commands).await;
            }
            match event {
                WorkerEvent::Tick => {}
                WorkerEvent::Command(command) => {
                    let is_shutdown = command.is_shutdown;
                    self.handle(command).await;
                    if is_shutdown {
                        return;
                    }
                }
                WorkerEvent::Closed => return,
            }
        }
    }

    fn recover(&mut self) {
        // At least one, so that a panic while collecting is counted.
        self.counts.record_lost(self.outbox.clear().max(1), "panic");
    }
}

impl MetricExport {
    async fn handle(&mut self, command: Command) {
        let Command { deadline, is_shutdown, reply } = command;
        let outcome = self.export(deadline).await;
        if is_shutdown {
            self.instruments.shut_down(deadline).await;
        }
        // The receiver is gone if the caller has timed out.
        drop(reply.send(outcome.map_err(|error| FlushError { spans: 0, error })));
    }

    /// Exports, and returns the event received meanwhile, or `Tick` if there was none.
    async fn export_until_command(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> WorkerEvent {
        let mut exporting = pin!(self.export(deadline::after(self.timeout)));
        let event = tokio::select! {
            _ = &mut exporting => return WorkerEvent::Tick,
            command = commands.recv() => WorkerEvent::from(command),
        };
        // The running export gets half of the command's time, so that values usually arrive in
        // order. Not more: the command's own export carries the same values and later ones.
        if let WorkerEvent::Command(Command { deadline, .. }) = &event {
            let now = Instant::now();
            drop(timeout_at(now + (*deadline - now) / 2, exporting).await);
        }
        event
    }

    async fn export(&mut self, deadline: Instant) -> Result<(), DeliveryError> {
        // Left by an export that a command has interrupted.
        self.outbox.clear();
        let request = self.collect(deadline).await;
        self.outbox.push(request);
        let Self { outbox, destination, counts, .. } = self;
        match outbox.send(destination, counts, deadline, |_| {}).await {
            Ok(lost) => lost.map_or(Ok(()), |it| Err(it.error)),
            // The next export has the same values and later ones.
            Err((_, error)) => {
                let outcome = Err(error);
                counts.record(outbox.clear(), &outcome);
                outcome
            }
        }
    }

    async fn collect(&mut self, deadline: Instant) -> ExportMetricsServiceRequest {
        let mut scope_metrics = self.instruments.collect(deadline).await;
        let mut snapshot = self.exemplars.snapshot();
        self.outside_requests.warn(&snapshot);
        self.percentages.add_to(&mut snapshot, |stage| self.engine.group_of(stage));
        self.exporter_metrics.add_to(&mut snapshot);
        let metrics = encode::snapshot(&snapshot, Period::until_now(self.start), self.histograms);
        scope_metrics.push(encode::scope(metrics));
        let resource = Some(self.resource.clone());
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource,
                scope_metrics,
                ..Default::default()
            }],
        }
    }
}

// === impl WorkerEvent ===

impl From<Option<Command>> for WorkerEvent {
    fn from(received: Option<Command>) -> Self {
        received.map_or(Self::Closed, Self::Command)
    }
}
