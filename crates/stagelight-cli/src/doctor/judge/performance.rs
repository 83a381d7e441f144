//! What is slow, and whose fault that is. Not about the chain: it works, or there would be nothing to tell.

use super::number;
use crate::doctor::facts::{Facts, Performance};

/// Seconds to the first byte from which on one looks, by the alert HighBackendTTFB.
const TTFB: f64 = 2.0;
/// Seconds of streaming from which on one looks, by the alert HighStreamingDuration.
const STREAMING: f64 = 1.5;
/// From which part of a stream's time on it is called somebody's fault.
const MOST: f64 = 0.5;

/// Returns a sentence for each thing that is slow.
pub(super) fn notes(facts: &Facts) -> Vec<String> {
    let Some(prometheus) = facts.prometheus.facts() else { return Vec::new() };
    prometheus.performance.iter().flat_map(of_provider).collect()
}

fn of_provider(it: &Performance) -> Vec<String> {
    let provider = &it.provider;
    let ttfb = it.ttfb_p95.filter(|it| TTFB < *it).map(|p95| {
        format!(
            "{provider}: 95 % of first bytes come within {} s (alert above {TTFB} s): the backend's health, the network to \
             it, or a cold model; compare the providers",
            number(p95)
        )
    });
    let streaming = it.streaming_p95.filter(|it| STREAMING < *it).map(|p95| {
        let fault = match it.client_share {
            Some(share) if MOST < share => {
                format!(
                    "{} % of it waits for clients that read slowly",
                    number((share * 100.0).round())
                )
            }
            Some(share) => format!(
                "{} % of it waits for the provider: the model's speed, the answers' length",
                number(((1.0 - share) * 100.0).round())
            ),
            None => "nothing tells yet whom it waits for".to_owned(),
        };
        format!(
            "{provider}: 95 % of streams end within {} s (alert above {STREAMING} s); {fault}",
            number(p95)
        )
    });
    ttfb.into_iter().chain(streaming).collect()
}
