//! One reader of an engine.

use std::{fmt, time::SystemTime};

use parking_lot::Mutex;
use stagelight_core::{Engine, ExemplarReader, Percentages, Snapshot};

use super::{accept, openmetrics, shown::Shown, text};

/// Says on the page itself what a reader may look for in vain.
const HEAD: &str = "# Instruments of your own OpenTelemetry Meter are not on this page: they travel by OTLP only.\n";

/// A page of metrics that reads one engine.
///
/// It keeps its own [`Percentages`]: `stage.percentage` is told for the time since the page was last rendered,
/// whatever interval other readers have. Two servers that scrape one page therefore see shorter intervals each, and
/// nothing else of each other.
pub struct MetricsPage {
    engine: Engine,
    more: Option<Box<More>>,
    reading: Mutex<Reading>,
}

/// Adds series that the engine does not keep.
type More = dyn Fn(&mut Snapshot) + Send + Sync;

/// What is kept from one reading to the next.
#[derive(Debug, Default)]
struct Reading {
    percentages: Percentages,
    /// Since the first reading that has room for exemplars: nothing is kept for those who do not look.
    exemplars: Option<ExemplarReader>,
    shown: Shown,
}

/// A format in which a page can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus' text exposition format 0.0.4, which every scraper reads.
    #[default]
    Text,
    /// OpenMetrics' text format 1.0.0, which has room for exemplars.
    OpenMetrics,
}

// === impl MetricsPage ===

impl MetricsPage {
    /// Makes a page that has not been read.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), more: None, reading: Mutex::default() }
    }

    /// Adds series that the engine does not keep: on each reading, `more` gets the snapshot to add them to.
    ///
    /// For metrics about the export itself, above all: when that is what is broken, this page is where it can be seen.
    #[must_use]
    pub fn with_more(self, more: impl Fn(&mut Snapshot) + Send + Sync + 'static) -> Self {
        Self { more: Some(Box::new(more)), ..self }
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
        let mut reading = self.reading.lock();
        let Reading { percentages, exemplars, shown } = &mut *reading;
        let mut snapshot = match format {
            Format::Text => self.engine.snapshot(),
            Format::OpenMetrics => {
                exemplars.get_or_insert_with(|| ExemplarReader::new(&self.engine)).snapshot()
            }
        };
        percentages.add_to(&mut snapshot, |stage| self.engine.group_of(stage));
        if let Some(more) = &self.more {
            more(&mut snapshot);
        }
        match format {
            Format::Text => {
                drop(reading);
                HEAD.to_owned() + &text(&snapshot)
            }
            Format::OpenMetrics => {
                shown.update(&snapshot, SystemTime::now());
                openmetrics::write(&snapshot, shown)
            }
        }
    }
}

impl fmt::Debug for MetricsPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsPage").field("reading", &self.reading).finish_non_exhaustive()
    }
}

// === impl Format ===

impl Format {
    /// Returns the value of the header `content-type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the format that the value of a header `accept` asks for; text unless it is OpenMetrics.
    #[must_use]
    pub fn for_accept(accept: &str) -> Self {
        accept::format_for(accept)
    }
}
