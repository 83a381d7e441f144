//! Judges what was seen. Asks nobody: the same facts always give the same report.
//!
//! A link that is broken makes others fail that are well. So each is judged knowing those that can be its cause, whether they
//! are before it or after it in the chain: a collector refuses data because Prometheus is down.

mod service;
mod export;
mod collector;
mod counters;
mod delivery;
mod prometheus;
mod contract;
mod rules;
mod alertmanager;
mod clocks;
mod exemplars;
mod grafana;
mod performance;

use std::collections::BTreeMap;

use super::{
    facts::Facts,
    finding::Verdict,
    link::Link,
    report::{LinkReport, Report},
};

/// What has been found out so far.
#[derive(Debug, Default)]
struct Chain {
    verdicts: BTreeMap<Link, Verdict>,
    notes: Vec<(Link, String)>,
}

/// Judges all links but those that are to be left out.
pub(crate) fn judge(facts: &Facts, skip: &[Link]) -> Report {
    let mut chain = Chain::default();
    // First those that can be the cause of others' failures, and have none themselves.
    service::judge(facts, &mut chain);
    clocks::judge(facts, &mut chain);
    let server = prometheus::judge_server(facts);
    delivery::judge(facts, &server, &mut chain);
    collector::judge(facts, &mut chain);
    export::judge(facts, &mut chain);
    prometheus::judge(facts, server, &mut chain);
    contract::judge(facts, &mut chain);
    rules::judge(facts, &mut chain);
    alertmanager::judge(facts, &mut chain);
    exemplars::judge(facts, &mut chain);
    grafana::judge(facts, &mut chain);

    let mut notes = chain.notes;
    let links = Link::ALL.map(|link| {
        let verdict = match chain.verdicts.remove(&link) {
            _ if skip.contains(&link) => Verdict::Skipped("left out by --skip".to_owned()),
            Some(verdict) => verdict,
            None => Verdict::Skipped("nothing is known of it".to_owned()),
        };
        let own = notes.extract_if(.., |it| it.0 == link).map(|it| it.1).collect();
        LinkReport::new(link, verdict, own)
    });
    Report::new(links.into(), performance::notes(facts))
}

// === impl Chain ===

impl Chain {
    fn put(&mut self, link: Link, verdict: Verdict) {
        self.verdicts.insert(link, verdict);
    }

    fn note(&mut self, link: Link, text: impl Into<String>) {
        self.notes.push((link, text.into()));
    }

    /// Returns which link's failure shows in a link: itself if it is broken, or the one that keeps it from being judged.
    fn cause_in(&self, link: Link) -> Option<Link> {
        match self.verdicts.get(&link)? {
            Verdict::Broken(_) => Some(link),
            Verdict::NotJudged(cause) => Some(*cause),
            Verdict::Ok(_) | Verdict::Skipped(_) => None,
        }
    }

    /// Returns the first cause in some links.
    fn cause(&self, links: &[Link]) -> Option<Link> {
        links.iter().find_map(|&it| self.cause_in(it))
    }
}

/// Writes a count or a number of seconds without more digits than anybody reads.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || 1000.0 <= value.abs() {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests;
