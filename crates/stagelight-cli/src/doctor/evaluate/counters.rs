//! The collector's own counters, under the names of all its versions.

use std::collections::BTreeMap;

use crate::doctor::{observations::ScrapePair, page::Page};

/// The signals, as the collector's counters name them.
pub(super) const SIGNALS: [&str; 3] = ["metric_points", "spans", "log_records"];
pub(super) const METRICS: &str = SIGNALS[0];

/// One exporter of the collector, for one signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CollectorExporter {
    pub(super) name: String,
    pub(super) signal: &'static str,
    /// Items since the first scrape.
    pub(super) sent: f64,
    pub(super) send_failed: f64,
    pub(super) enqueue_failed: f64,
    /// Items since the collector's start.
    pub(super) sent_ever: f64,
    pub(super) lost_ever: f64,
    /// Queue length and capacity, in requests, items or bytes, as configured.
    pub(super) queue: f64,
    pub(super) capacity: f64,
}

/// The fill level above which a queue without progress is a problem.
const FULL: f64 = 0.8;

// === impl CollectorExporter ===

impl CollectorExporter {
    /// Returns whether the queue is almost full.
    pub(super) fn is_full(&self) -> bool {
        0.0 < self.capacity && FULL * self.capacity <= self.queue
    }

    /// Returns whether the exporter drains its queue.
    pub(super) fn is_keeping_up(&self) -> bool {
        0.0 < self.sent && self.send_failed == 0.0 && !self.is_full()
    }
}

/// Returns the increase of a counter, summed over its series.
///
/// The name may have the suffix `_total`, which depends on the collector's version.
pub(super) fn growth(pair: &ScrapePair, name: &str) -> f64 {
    pair.growth(|page| total(page, name, |_| true))
}

/// Returns the exporters.
pub(super) fn exporters(pair: &ScrapePair) -> Vec<CollectorExporter> {
    let mut found: BTreeMap<(usize, String), CollectorExporter> = BTreeMap::new();
    for (index, signal) in SIGNALS.into_iter().enumerate() {
        for name in names(&pair.second, signal) {
            let total_of = |counter: &str| {
                let counter = format!("otelcol_exporter_{counter}_{signal}");
                let name = name.clone();
                move |page: &Page| total(page, &counter, |it| it == name)
            };
            let level = |gauge: &str| {
                let gauge = format!("otelcol_exporter_{gauge}");
                let all = pair.second.named(&gauge);
                let own = all.filter(|it| {
                    it.label("exporter") == name && is_queue_of(it.label("data_type"), signal)
                });
                own.map(|it| it.value).sum::<f64>()
            };
            let (sent, failed, refused) =
                (total_of("sent"), total_of("send_failed"), total_of("enqueue_failed"));
            let exporter = CollectorExporter {
                signal,
                sent: pair.growth(&sent),
                send_failed: pair.growth(&failed),
                enqueue_failed: pair.growth(&refused),
                sent_ever: sent(&pair.second),
                lost_ever: failed(&pair.second) + refused(&pair.second),
                queue: level("queue_size"),
                capacity: level("queue_capacity"),
                name: name.clone(),
            };
            found.insert((index, name), exporter);
        }
    }
    found.into_values().collect()
}

/// Returns the names of a signal's exporters.
fn names(page: &Page, signal: &str) -> Vec<String> {
    let is_counter = |name: &str| {
        let name = name.strip_suffix("_total").unwrap_or(name);
        name.starts_with("otelcol_exporter_") && name.ends_with(signal)
    };
    let mut names: Vec<_> = page
        .samples()
        .iter()
        .filter(|it| is_counter(&it.name) || is_queue_of(it.label("data_type"), signal))
        .map(|it| it.label("exporter").to_owned())
        .filter(|it| !it.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Returns whether a queue's `data_type` is this signal's.
fn is_queue_of(data_type: &str, signal: &str) -> bool {
    matches!(
        (data_type, signal),
        ("metrics", "metric_points") | ("traces", "spans") | ("logs", "log_records")
    )
}

fn total(page: &Page, name: &str, has: impl Fn(&str) -> bool) -> f64 {
    let with_suffix = format!("{name}_total");
    let samples = page.samples().iter().filter(|it| it.name == name || it.name == with_suffix);
    samples.filter(|it| has(it.label("exporter"))).map(|it| it.value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(first: &str, second: &str) -> ScrapePair {
        let page = |text: &str| Page::parse(text).unwrap();
        ScrapePair { first: page(first), first_at: 0.0, second: page(second) }
    }

    #[test]
    fn an_exporter_combines_all_of_its_counters() {
        let pair = pair(
            "otelcol_exporter_sent_metric_points{exporter=\"a\"} 5\n",
            "otelcol_exporter_sent_metric_points{exporter=\"a\"} 12\n\
             otelcol_exporter_send_failed_metric_points{exporter=\"a\"} 3\n\
             otelcol_exporter_queue_size{data_type=\"metrics\",exporter=\"a\"} 2\n\
             otelcol_exporter_queue_capacity{data_type=\"metrics\",exporter=\"a\"} 10\n\
             otelcol_exporter_queue_size{data_type=\"traces\",exporter=\"a\"} 9\n",
        );
        let expected = CollectorExporter {
            name: "a".to_owned(),
            signal: METRICS,
            sent: 7.0,
            send_failed: 3.0,
            sent_ever: 12.0,
            lost_ever: 3.0,
            queue: 2.0,
            capacity: 10.0,
            ..CollectorExporter::default()
        };
        assert_eq!(exporters(&pair)[0], expected);
        assert_eq!(exporters(&pair).len(), 2);
    }

    #[test]
    fn the_suffix_total_is_optional() {
        for name in ["otelcol_receiver_accepted_spans", "otelcol_receiver_accepted_spans_total"] {
            let pair = pair(&format!("{name}{{a=\"1\"}} 1\n"), &format!("{name}{{a=\"1\"}} 4\n"));
            assert_eq!(growth(&pair, "otelcol_receiver_accepted_spans"), 3.0);
        }
    }

    #[test]
    fn after_a_counter_reset_the_growth_is_the_new_value() {
        let pair = pair("x 100\n", "x 4\n");
        assert_eq!(growth(&pair, "x"), 4.0);
    }
}
