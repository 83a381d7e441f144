//! One reader of an engine.

use parking_lot::Mutex;
use stagelight_core::{Engine, Percentages};

use super::text;

/// Says on the page itself what a reader may look for in vain.
const HEAD: &str = "# Instruments of your own OpenTelemetry Meter are not on this page: they travel by OTLP only.\n";

/// A page of metrics that reads one engine.
///
/// It keeps its own [`Percentages`]: `stage.percentage` is told for the time since the page was last rendered,
/// whatever interval other readers have. Two servers that scrape one page therefore see shorter intervals each, and
/// nothing else of each other.
#[derive(Debug)]
pub struct MetricsPage {
    engine: Engine,
    percentages: Mutex<Percentages>,
}

/// A format in which a page can be written.
///
/// `#[non_exhaustive]`: OpenMetrics, which has room for exemplars, will be a second one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus' text exposition format 0.0.4, which every scraper reads.
    #[default]
    Text,
}

// === impl MetricsPage ===

impl MetricsPage {
    /// Makes a page that has not been read.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), percentages: Mutex::default() }
    }

    /// Reads the engine and writes what it holds.
    ///
    /// # Cost
    ///
    /// Sums all threads' shards and allocates the text: for a scrape, not for a request. Two readings of one page
    /// wait for each other.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        // Locked before the snapshot is taken: a second reader must not bring in an older one after it.
        let mut percentages = self.percentages.lock();
        let mut snapshot = self.engine.snapshot();
        percentages.add_to(&mut snapshot, |stage| self.engine.group_of(stage));
        drop(percentages);
        match format {
            Format::Text => HEAD.to_owned() + &text(&snapshot),
        }
    }
}

// === impl Format ===

impl Format {
    /// Returns the value of the header `content-type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}
