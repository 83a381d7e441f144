//! What a collector counts, whatever its version calls it.

use std::collections::BTreeMap;

use crate::doctor::{observations::ScrapePair, page::Page};

/// What OTLP carries, as collectors' counters call it.
pub(super) const SIGNALS: [&str; 3] = ["metric_points", "spans", "log_records"];
pub(super) const METRICS: &str = SIGNALS[0];

/// One exporter of a collector, with one signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Exporter {
    pub(super) name: String,
    pub(super) signal: &'static str,
    /// Items since the first look.
    pub(super) sent: f64,
    pub(super) send_failed: f64,
    pub(super) enqueue_failed: f64,
    /// Items since the collector's start.
    pub(super) sent_ever: f64,
    pub(super) lost_ever: f64,
    /// What waits, and the most that can: requests, items or bytes, as the queue is set up.
    pub(super) queue: f64,
    pub(super) capacity: f64,
}

/// From how much of a queue on there is trouble if nothing comes out of it.
const FULL: f64 = 0.8;

// === impl Exporter ===

impl Exporter {
    /// Returns whether there is hardly room for more.
    pub(super) fn is_full(&self) -> bool {
        0.0 < self.capacity && FULL * self.capacity <= self.queue
    }

    /// Returns whether it gets rid of what is in its queue.
    pub(super) fn is_keeping_up(&self) -> bool {
        0.0 < self.sent && self.send_failed == 0.0 && !self.is_full()
    }
}

/// Returns the growth of a counter, all series together. Its name may end in `_total`, as it does when it was pushed or
/// comes from some versions.
pub(super) fn growth(pair: &ScrapePair, name: &str) -> f64 {
    pair.growth(|page| total(page, name, |_| true))
}

/// Returns the exporters.
pub(super) fn exporters(pair: &ScrapePair) -> Vec<Exporter> {
    let mut found: BTreeMap<(usize, String), Exporter> = BTreeMap::new();
    for (index, signal) in SIGNALS.into_iter().enumerate() {
        for name in names(&pair.second, signal) {
            let of = |counter: &str| {
                let counter = format!("otelcol_exporter_{counter}_{signal}");
                let name = name.clone();
                move |page: &Page| total(page, &counter, |it| it == name)
            };
            let level = |gauge: &str| {
                let gauge = format!("otelcol_exporter_{gauge}");
                let all = pair.second.named(&gauge);
                let own = all.filter(|it| {
                    it.label("exporter") == name && is_of(it.label("data_type"), signal)
                });
                own.map(|it| it.value).sum::<f64>()
            };
            let (sent, failed, refused) = (of("sent"), of("send_failed"), of("enqueue_failed"));
            let exporter = Exporter {
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

/// Returns the names of the exporters that have something to do with a signal.
fn names(page: &Page, signal: &str) -> Vec<String> {
    let is_counter = |name: &str| {
        let name = name.strip_suffix("_total").unwrap_or(name);
        name.starts_with("otelcol_exporter_") && name.ends_with(signal)
    };
    let mut names: Vec<_> = page
        .samples()
        .iter()
        .filter(|it| is_counter(&it.name) || is_of(it.label("data_type"), signal))
        .map(|it| it.label("exporter").to_owned())
        .filter(|it| !it.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Returns whether a queue's type of data is a signal's.
fn is_of(data_type: &str, signal: &str) -> bool {
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
    fn an_exporter_is_read_from_all_of_its_counters() {
        let pair = pair(
            "otelcol_exporter_sent_metric_points{exporter=\"a\"} 5\n",
            "otelcol_exporter_sent_metric_points{exporter=\"a\"} 12\n\
             otelcol_exporter_send_failed_metric_points{exporter=\"a\"} 3\n\
             otelcol_exporter_queue_size{data_type=\"metrics\",exporter=\"a\"} 2\n\
             otelcol_exporter_queue_capacity{data_type=\"metrics\",exporter=\"a\"} 10\n\
             otelcol_exporter_queue_size{data_type=\"traces\",exporter=\"a\"} 9\n",
        );
        let expected = Exporter {
            name: "a".to_owned(),
            signal: METRICS,
            sent: 7.0,
            send_failed: 3.0,
            sent_ever: 12.0,
            lost_ever: 3.0,
            queue: 2.0,
            capacity: 10.0,
            ..Exporter::default()
        };
        assert_eq!(exporters(&pair)[0], expected);
        assert_eq!(exporters(&pair).len(), 2);
    }

    #[test]
    fn a_counter_is_the_same_with_total_at_its_end() {
        for name in ["otelcol_receiver_accepted_spans", "otelcol_receiver_accepted_spans_total"] {
            let pair = pair(&format!("{name}{{a=\"1\"}} 1\n"), &format!("{name}{{a=\"1\"}} 4\n"));
            assert_eq!(growth(&pair, "otelcol_receiver_accepted_spans"), 3.0);
        }
    }

    #[test]
    fn a_collector_that_was_started_anew_has_grown_by_what_it_has() {
        let pair = pair("x 100\n", "x 4\n");
        assert_eq!(growth(&pair, "x"), 4.0);
    }
}
