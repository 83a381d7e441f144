//! The page that a scraper reads.

use std::{fmt, time::SystemTime};

use parking_lot::Mutex;
use stagelight_core::{Engine, ExemplarReader, Percentages, Snapshot};

use super::{negotiation::Format, openmetrics, text::text, view::ExemplarView};

/// The first line of a page in the text format.
const NOTICE: &str = "# Instruments created with your own OpenTelemetry Meter are not on this \
                      page: they are exported over OTLP only.\n";

/// A metrics page over one engine.
///
/// Each page keeps its own [`Percentages`]: `stage.percentage` covers the time since this page was
/// last rendered, independent of other readers' intervals. Two servers that scrape the same page
/// each see shorter intervals; all other metrics are unaffected.
///
/// ```
/// use stagelight_core::{Engine, Outcome};
/// use stagelight_live::prometheus::{Format, MetricsPage};
///
/// let engine = Engine::new();
/// let page = MetricsPage::new(&engine);
/// engine.start_request("/v1/jobs").end(Outcome::Ok);
/// let text = page.render(Format::for_accept("text/plain"));
/// let count = r#"request_duration_seconds_count{endpoint="/v1/jobs",outcome="ok"} 1"#;
/// assert!(text.contains(count));
/// ```
pub struct MetricsPage {
    engine: Engine,
    collector: Option<Box<Collector>>,
    state: Mutex<ReaderState>,
}

/// Adds series that the engine does not keep.
type Collector = dyn Fn(&mut Snapshot) + Send + Sync;

/// State kept from one rendering to the next.
#[derive(Debug, Default)]
struct ReaderState {
    percentages: Percentages,
    /// `None` until the first rendering as OpenMetrics: before that, the engine keeps no exemplars
    /// for this page.
    exemplars: Option<ExemplarReader>,
    view: ExemplarView,
}

// === impl MetricsPage ===

impl MetricsPage {
    /// Creates a page.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), collector: None, state: Mutex::default() }
    }

    /// Sets a function that adds series to the snapshot on each rendering, in place of an earlier
    /// one.
    ///
    /// Use it for metrics that the engine does not keep, such as the exporter's own: the page then
    /// shows them while the export fails.
    #[must_use]
    pub fn with_collector(self, collector: impl Fn(&mut Snapshot) + Send + Sync + 'static) -> Self {
        Self { collector: Some(Box::new(collector)), ..self }
    }

    /// Writes all metrics in the given format.
    ///
    /// # Cost
    ///
    /// Sums all threads' shards and allocates the text. Intended for one call per scrape.
    /// Concurrent calls on one page wait for each other.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        // Locked before taking the snapshot, so that a concurrent call cannot process an older
        // snapshot after a newer one.
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
