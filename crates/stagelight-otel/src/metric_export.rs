//! Exports metrics: the stage store's, the user's, and those about the export itself, in one request.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, ResourceMetrics, metric::Data},
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
    delivery::DeliveryError,
    destination::Destination,
    encode::{self, Period},
    instruments::Instruments,
    own_metrics::OwnMetrics,
    worker::{Command, Loss},
};

/// The task that exports metrics at an interval.
#[derive(Debug)]
pub(crate) struct MetricExport {
    pub(crate) engine: Engine,
    pub(crate) percentages: Percentages,
    pub(crate) exemplars: ExemplarReader,
    pub(crate) instruments: Arc<Instruments>,
    pub(crate) own: Arc<OwnMetrics>,
    pub(crate) counts: Arc<ExportCounts>,
    pub(crate) destination: Arc<Destination>,
    pub(crate) resource: OtlpResource,
    /// Since when values are cumulative.
    pub(crate) since: SystemTime,
    pub(crate) histograms: Histograms,
    pub(crate) interval: Duration,
    /// The most time for collecting and exporting once.
    pub(crate) timeout: Duration,
}

/// What there is to do.
enum Turn {
    /// It is time to export.
    Tick,
    /// Somebody wants an export now.
    Asked(Command),
    /// Nobody is there any more.
    Over,
}

// === impl MetricExport ===

impl MetricExport {
    /// Runs until the last command, or until nobody can give one.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut ticks = interval_at(Instant::now() + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut turn = tokio::select! {
                _ = ticks.tick() => Turn::Tick,
                command = commands.recv() => command.into(),
            };
            if matches!(turn, Turn::Tick) {
                turn = self.export_until(&mut commands).await;
            }
            match turn {
                Turn::Tick => {}
                Turn::Asked(command) => {
                    let is_last = command.is_last;
                    self.obey(command).await;
                    if is_last {
                        return;
                    }
                }
                Turn::Over => return,
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        let Command { deadline, is_last, done } = command;
        let outcome = self.export(deadline).await;
        if is_last {
            self.instruments.shut_down(deadline).await;
        }
        // Whoever asked may have stopped waiting.
        drop(done.send(outcome.map_err(|error| Loss { spans: 0, error })));
    }

    /// Exports, and returns what came in the meantime, or another tick if nothing did.
    async fn export_until(&mut self, commands: &mut mpsc::Receiver<Command>) -> Turn {
        let mut exporting = pin!(self.export(Instant::now() + self.timeout));
        let turn = tokio::select! {
            _ = &mut exporting => return Turn::Tick,
            command = commands.recv() => Turn::from(command),
        };
        // It is given half the time, so that values arrive in their order, and no more, because the command's own export
        // carries the same values and later ones.
        if let Turn::Asked(Command { deadline, .. }) = &turn {
            let now = Instant::now();
            drop(timeout_at(now + (*deadline - now) / 2, exporting).await);
        }
        turn
    }

    async fn export(&mut self, deadline: Instant) -> Result<(), DeliveryError> {
        let request = self.collect(deadline).await;
        let points = points_in(&request);
        let outcome = self.destination.metrics(&request, deadline).await;
        self.counts.count(points, &outcome);
        outcome
    }

    async fn collect(&mut self, deadline: Instant) -> ExportMetricsServiceRequest {
        let mut scope_metrics = self.instruments.collect(deadline).await;
        let mut snapshot = self.exemplars.snapshot();
        self.percentages.add_to(&mut snapshot, |stage| self.engine.group_of(stage));
        self.own.add_to(&mut snapshot);
        let metrics = encode::snapshot(&snapshot, Period::until_now(self.since), self.histograms);
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

// === impl Turn ===

impl From<Option<Command>> for Turn {
    fn from(received: Option<Command>) -> Self {
        received.map_or(Self::Over, Self::Asked)
    }
}

fn points_in(request: &ExportMetricsServiceRequest) -> u64 {
    let scopes = request.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
    let points: usize = scopes.flat_map(|it| &it.metrics).map(points_of).sum();
    u64::try_from(points).unwrap_or(u64::MAX)
}

fn points_of(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    }
}
