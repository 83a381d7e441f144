//! One reader of an engine.

use std::{fmt, time::SystemTime};

use parking_lot::Mutex;
use stagelight_core::{Engine, ExemplarReader, Percentages, Snapshot};

use super::{negotiation::Format, openmetrics, text::text, view::ExemplarView};

/// Says on the page itself what a reader may look for in vain.
const NOTICE: &str = "# Instruments of your own OpenTelemetry Meter are not on this page: they travel by OTLP only.\n";

/// A page of metrics that reads one engine.
///
/// It keeps its own [`Percentages`]: `stage.percentage` is told for the time since the page was last rendered,
/// whatever interval other readers have. Two servers that scrape one page therefore see shorter intervals each, and
/// nothing else of each other.
pub struct MetricsPage {
    engine: Engine,
    collector: Option<Box<Collector>>,
    state: Mutex<ReaderState>,
}

/// Adds series that the engine does not keep.
type Collector = dyn Fn(&mut Snapshot) + Send + Sync;

/// What is kept from one reading to the next.
#[derive(Debug, Default)]
struct ReaderState {
    percentages: Percentages,
    /// Since the first reading that has room for exemplars: nothing is kept for those who do not look.
    exemplars: Option<ExemplarReader>,
    view: ExemplarView,
}

// === impl MetricsPage ===

impl MetricsPage {
    /// Makes a page that has not been read.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), collector: None, state: Mutex::default() }
    }

    /// Adds series that the engine does not keep: on each reading, `more` gets the snapshot to add them to.
    ///
    /// For metrics about the export itself, above all: when that is what is broken, this page is where it can be seen.
    #[must_use]
    pub fn with_collector(self, collector: impl Fn(&mut Snapshot) + Send + Sync + 'static) -> Self {
        Self { collector: Some(Box::new(collector)), ..self }
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
        let mut state = self.state.lock();
        let ReaderState { percentages, exemplars, view } = &mut *state;
        let mut snapshot = match format {
            Format::Text => self.engine.snapshot(),
            Format::OpenMetrics => {
                exemplars.get_or_insert_with(|| ExemplarReader::new(&self.engine)).snapshot()
            }
        };
        percentages.add_to(&mut snapshot, |stage| self.engine.group_of(stage));
        if let Some(collector) = &self.collector {
            collector(&mut snapshot);
        }
        match format {
            Format::Text => {
                drop(state);
                NOTICE.to_owned() + &text(&snapshot)
            }
            Format::OpenMetrics => {
                view.update(&snapshot, SystemTime::now());
                openmetrics::write(&snapshot, view)
            }
        }
    }
}

impl fmt::Debug for MetricsPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsPage").field("state", &self.state).finish_non_exhaustive()
    }
}
