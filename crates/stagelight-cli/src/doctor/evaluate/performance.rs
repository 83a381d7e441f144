//! Notes on slow providers, with the cause. They do not affect the checks.

use super::outcomes::number;
use crate::doctor::observations::{Observations, Performance};

/// An alert of `collector/prometheus/rules`, and the seconds above which it fires.
type Alert = (&'static str, f64);

const TTFB: Alert = ("HighBackendTTFB", 2.0);
const STREAMING: Alert = ("HighStreamingDuration", 1.5);
/// Client share of the waiting time above which the client is the cause.
const MAJORITY: f64 = 0.5;

/// Returns a sentence for each slow provider and metric.
pub(super) fn notes(observations: &Observations) -> Vec<String> {
    let Some(prometheus) = observations.prometheus.value() else { return Vec::new() };
    prometheus.performance.iter().flat_map(of_provider).collect()
}

fn of_provider(it: &Performance) -> Vec<String> {
    let ttfb = it.ttfb_p95.and_then(|p95| {
        let above = exceeded(TTFB, p95)?;
        let (provider, p95) = (&it.provider, number(p95));
        Some(format!(
            "{provider}: p95 of the time to first byte is {p95} s ({above}); check the backend's \
             health, its network and cold models, and compare the providers"
        ))
    });
    let streaming = it.streaming_p95.and_then(|p95| {
        let above = exceeded(STREAMING, p95)?;
        let (provider, p95, cause) = (&it.provider, number(p95), cause(it.client_share));
        Some(format!("{provider}: p95 of streaming is {p95} s ({above}); {cause}"))
    });
    ttfb.into_iter().chain(streaming).collect()
}

/// Returns the alert's name and threshold if the value exceeds it.
fn exceeded((name, threshold): Alert, seconds: f64) -> Option<String> {
    (threshold < seconds).then(|| format!("{name} above {} s", number(threshold)))
}

fn cause(client_share: Option<f64>) -> String {
    let percent = |part: f64| number((part * 100.0).round());
    match client_share {
        Some(share) if MAJORITY < share => {
            format!("{} % of it waits for clients that read slowly", percent(share))
        }
        Some(share) => format!(
            "{} % of it waits for the provider: model speed, answer length, bandwidth",
            percent(1.0 - share)
        ),
        None => "no data on the waiting time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use stagelight_bundle::thresholds;

    use super::*;

    #[test]
    fn the_thresholds_match_those_of_the_alerts() {
        for (alert, seconds) in [TTFB, STREAMING] {
            let threshold = thresholds::for_alert(alert).unwrap();
            assert_eq!((threshold.comparison.as_str(), threshold.value), (">", seconds));
        }
    }
}
