//! Queries for the service's series in Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use stagelight_core::catalog::{Family, Instrument, Label, Outcome, labels};
use stagelight_otel::catalog as export;

use super::api::{Api, Row, list, unix_seconds};
use crate::catalog::families;
use crate::doctor::{
    aliases::{self, Strategy, any_name, escape, series_name},
    observations::{Job, Performance},
};

/// Assumed seconds between two samples if unknown.
const UNKNOWN_INTERVAL: f64 = 60.0;

/// Labels that are never empty in families that have them.
const REQUIRED_LABELS: [&Label; 8] = [
    labels::Stage::LABEL,
    labels::Endpoint::LABEL,
    labels::Provider::LABEL,
    labels::Model::LABEL,
    Outcome::LABEL,
    labels::HttpRequestMethod::LABEL,
    labels::UrlScheme::LABEL,
    labels::Reason::LABEL,
];

/// Queries restricted to some jobs.
#[derive(Clone, Debug)]
pub(super) struct Queries<'a> {
    api: Api<'a>,
    /// The matcher for the jobs; empty for all.
    jobs: String,
    /// Time of the newest sample in Unix seconds, and the maximum age of a current one relative to
    /// it.
    current: (f64, f64),
    /// The job with the newest sample.
    first: String,
}

// === impl Queries ===

impl<'a> Queries<'a> {
    /// Restricts the queries to one job, if given.
    pub(super) fn new(api: Api<'a>, job: Option<&str>) -> Self {
        let jobs = job.map(|it| format!("job=~\"{}\"", escape(it))).unwrap_or_default();
        Self { api, jobs, current: (0.0, 0.0), first: String::new() }
    }

    /// Restricts the queries to these jobs and their current samples.
    pub(super) fn narrowed_to(self, jobs: &[Job]) -> Self {
        let names: Vec<_> = jobs.iter().map(|it| escape(&it.job)).collect();
        let interval = |it: &Job| it.interval.unwrap_or(UNKNOWN_INTERVAL);
        Self {
            jobs: format!("job=~\"{}\"", names.join("|")),
            current: (
                jobs.iter().map(|it| it.newest).fold(0.0, f64::max),
                2.0 * jobs.iter().map(interval).fold(0.0, f64::max),
            ),
            first: jobs.first().map(|it| it.job.clone()).unwrap_or_default(),
            ..self
        }
    }

    /// Returns the jobs with stagelight's series, the freshest first.
    pub(super) async fn jobs(&self) -> Vec<Job> {
        let anchor = self.matching(&any_name(aliases::anchor()), "");
        let newest = self.api.query(&format!("max by (job) (timestamp({anchor}))")).await;
        let scraped = self.api.query("count by (job) (up)").await;
        let intervals = self.intervals().await;
        let is_scraped = |job: &str| scraped.iter().any(|it| it.label("job") == job);
        let mut jobs: Vec<_> = newest
            .iter()
            .map(|it| Job {
                job: it.label("job"),
                is_scraped: is_scraped(&it.label("job")),
                newest: it.value,
                interval: intervals.get(&it.label("job")).copied(),
            })
            .collect();
        jobs.sort_by(|one, other| other.newest.total_cmp(&one.newest));
        jobs
    }

    /// Returns the time of the newest sample within a day.
    pub(super) async fn last_seen(&self) -> Option<f64> {
        let anchor = self.matching(&any_name(aliases::anchor()), "");
        let query = format!("max(max_over_time(timestamp({anchor})[1d:4m]))");
        self.api.query(&query).await.first().map(|it| it.value)
    }

    /// Returns the names of the jobs' current metrics.
    pub(super) async fn names(&self) -> BTreeSet<String> {
        let series = format!("{{{}}}", self.jobs);
        self.current("__name__", &series).await.iter().map(|it| it.label("__name__")).collect()
    }

    /// Returns the bounds of the catalogue's histograms.
    pub(super) async fn bounds(&self) -> BTreeMap<String, Vec<f64>> {
        let is_histogram = |it: &Instrument| matches!(it, Instrument::Histogram { .. });
        let histograms = aliases::all().filter(|it| is_histogram(&it.1.instrument));
        let names: Vec<_> =
            histograms.map(|(_, it)| format!("{}_bucket", it.prometheus_name)).collect();
        let buckets = self.matching(&names.join("|"), "");
        let rows = self.current("__name__, le", &buckets).await;
        let mut bounds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for row in rows {
            let name = row.label("__name__");
            let name = name.strip_suffix("_bucket").unwrap_or(&name).to_owned();
            // `1` and `1.0` are the same bound: Prometheus normalizes scraped ones to the second.
            let Ok(bound) = row.label("le").parse::<f64>() else { continue };
            let bounds = bounds.entry(name).or_default();
            if bound.is_finite() && !bounds.contains(&bound) {
                bounds.push(bound);
            }
        }
        bounds.values_mut().for_each(|it| it.sort_by(f64::total_cmp));
        bounds
    }

    /// Returns metrics of the catalogue with series that lack a label: name and label.
    pub(super) async fn unlabelled(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for label in REQUIRED_LABELS {
            let has = |family: &&Family| family.labels.contains(&label);
            let metrics = families().filter(has).flat_map(|it| it.metrics);
            let names: Vec<_> = metrics
                .map(|it| series_name(it, Strategy::UnderscoreEscapingWithSuffixes))
                .collect();
            let name = label.prometheus_name;
            let series = self.matching(&names.join("|"), &format!("{name}=\"\""));
            let rows = self.current("__name__", &series).await;
            found.extend(rows.iter().map(|it| (it.label("__name__"), name.to_owned())));
        }
        found
    }

    /// Returns the number of exemplars within the last hour.
    pub(super) async fn exemplars(&self) -> usize {
        let (start, end) = (unix_seconds() - 3600.0, unix_seconds() + 60.0);
        let (start, end) = (start.to_string(), end.to_string());
        let query = self.matching(".+", "");
        let parameters = [("query", &*query), ("start", &start), ("end", &end)];
        let response = self.api.data("query_exemplars", &parameters).await.unwrap_or_default();
        list(&response).iter().map(|it| list(&it["exemplars"]).len()).sum()
    }

    /// Returns the number of requests within the last five minutes.
    pub(super) async fn recent_requests(&self) -> f64 {
        let requests = self.matching("request_duration_seconds_count", "");
        let rows = self.api.query(&format!("sum(increase({requests}[5m]))")).await;
        rows.first().map_or(0.0, |it| it.value)
    }

    /// Returns the performance of each provider's backends.
    pub(super) async fn performance(&self) -> Vec<Performance> {
        // One job only: a service both scraped and pushing would count twice.
        let job = format!("job=~\"{}\"", escape(&self.first));
        let rate = |name: &str| format!("rate({name}{{{job}}}[5m])");
        let p95 = |name: &str| {
            let buckets = rate(&format!("{name}_bucket"));
            format!("histogram_quantile(0.95, sum by (provider, le) ({buckets}))")
        };
        let sum = |name: &str| {
            let sums = rate(&format!("streaming_backend_wait_{name}_seconds_sum"));
            format!("sum by (provider) ({sums})")
        };
        let (client, upstream) = (sum("client"), sum("upstream"));
        let mut providers: BTreeMap<String, Performance> = BTreeMap::new();
        let mut put = |rows: Vec<Row>, set: fn(&mut Performance, f64)| {
            for row in rows.iter().filter(|it| it.value.is_finite()) {
                let provider = row.label("provider");
                set(providers.entry(provider).or_default(), row.value);
            }
        };
        let ttfb = self.api.query(&p95("backend_ttfb_seconds")).await;
        put(ttfb, |it, value| it.ttfb_p95 = Some(value));
        let streaming = self.api.query(&p95("streaming_duration_seconds")).await;
        put(streaming, |it, value| it.streaming_p95 = Some(value));
        let share = self.api.query(&format!("{client} / ({client} + {upstream})")).await;
        put(share, |it, value| it.client_share = Some(value));
        let named = providers.into_iter();
        named.map(|(provider, it)| Performance { provider, ..it }).collect()
    }

    /// Returns the median time between two samples of each job.
    async fn intervals(&self) -> BTreeMap<String, f64> {
        // One series per process: ten minutes of it are cheap.
        let metric = export::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED.metric();
        let query = format!("{}[10m]", self.matching(&any_name(metric), "error_type=\"\""));
        let response = self.api.data("query", &[("query", &query)]).await.unwrap_or_default();
        let mut intervals = BTreeMap::new();
        for series in list(&response["result"]) {
            let times: Vec<_> =
                list(&series["values"]).iter().filter_map(|it| it[0].as_f64()).collect();
            let job = series["metric"]["job"].as_str().unwrap_or_default().to_owned();
            if let Some(interval) = median_gap(&times) {
                // The slowest of several processes.
                let known = intervals.entry(job).or_insert(interval);
                *known = interval.max(*known);
            }
        }
        intervals
    }

    /// Returns the label combinations of the current series.
    ///
    /// An instant query returns pushed series for five minutes after their last sample, with names
    /// from before a change. This query looks back only two sample intervals.
    async fn current(&self, labels: &str, series: &str) -> Vec<Row> {
        let (at, within) = self.current;
        let window = (within * 1000.0).ceil();
        let query = format!("count by ({labels}) (last_over_time({series}[{window}ms] @ {at:.3}))");
        self.api.query(&query).await
    }

    fn matching(&self, names: &str, more: &str) -> String {
        let name = format!("__name__=~\"{names}\"");
        let parts = [&*name, &*self.jobs, more];
        let parts: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        format!("{{{}}}", parts.join(","))
    }
}

/// Returns the median gap between neighbouring times.
fn median_gap(times: &[f64]) -> Option<f64> {
    let mut gaps: Vec<_> = times.windows(2).map(|it| it[1] - it[0]).collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_gap_ignores_an_outage() {
        assert_eq!(median_gap(&[10.0, 25.0, 40.0, 300.0, 315.0]), Some(15.0));
        assert_eq!(median_gap(&[10.0]), None);
    }
}
