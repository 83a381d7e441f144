//! What is slow, and whose fault that is. Not about the outcomes: it works, or there would be nothing to tell.

use super::number;
use crate::doctor::observations::{Observations, Performance};

/// An alert of `collector/prometheus/rules`, and the seconds above which it fires.
type Alert = (&'static str, f64);

const TTFB: Alert = ("HighBackendTTFB", 2.0);
const STREAMING: Alert = ("HighStreamingDuration", 1.5);
/// From which part of a stream's time on it is called somebody's fault.
const MOST: f64 = 0.5;

/// Returns a sentence for each thing that is slow.
pub(super) fn notes(observations: &Observations) -> Vec<String> {
    let Some(prometheus) = observations.prometheus.value() else { return Vec::new() };
    prometheus.performance.iter().flat_map(of_provider).collect()
}

fn of_provider(it: &Performance) -> Vec<String> {
    let ttfb = it.ttfb_p95.and_then(|p95| {
        let above = crossed(TTFB, p95)?;
        let (provider, p95) = (&it.provider, number(p95));
        Some(format!(
            "{provider}: p95 of the time to first byte is {p95} s ({above}); look at the backend's health, the network to it, \
             and whether its model is cold, and compare the providers"
        ))
    });
    let streaming = it.streaming_p95.and_then(|p95| {
        let above = crossed(STREAMING, p95)?;
        let (provider, p95, fault) = (&it.provider, number(p95), fault(it.client_share));
        Some(format!("{provider}: p95 of streaming is {p95} s ({above}); {fault}"))
    });
    ttfb.into_iter().chain(streaming).collect()
}

/// Returns the alert's name and threshold if the value exceeds it.
fn crossed((name, threshold): Alert, seconds: f64) -> Option<String> {
    (threshold < seconds).then(|| format!("{name} above {} s", number(threshold)))
}

fn fault(client_share: Option<f64>) -> String {
    let percent = |part: f64| number((part * 100.0).round());
    match client_share {
        Some(share) if MOST < share => {
            format!("{} % of it waits for clients that read slowly", percent(share))
        }
        Some(share) => format!(
            "{} % of it waits for the provider: the model's speed, the answers' length, the bandwidth",
            percent(1.0 - share)
        ),
        None => "nothing tells whom it waits for".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use stagelight_bundle::thresholds;

    use super::*;

    #[test]
    fn the_thresholds_are_those_of_the_alerts() {
        for (alert, seconds) in [TTFB, STREAMING] {
            let threshold = thresholds::for_alert(alert).unwrap();
            assert_eq!((threshold.comparison.as_str(), threshold.value), (">", seconds));
        }
    }
}
