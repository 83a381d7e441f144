//! Content negotiation with a scraper.

const OPEN_METRICS: &str = "application/openmetrics-text";

/// A format in which a page can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus' text exposition format 0.0.4, which every scraper supports.
    #[default]
    Text,
    /// OpenMetrics' text format 1.0.0, which carries exemplars.
    OpenMetrics,
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

    /// Returns the format preferred by an `accept` header.
    ///
    /// [`Format::OpenMetrics`] if the header lists it with a `q` of at least that of `text/plain`,
    /// otherwise [`Format::Text`].
    #[must_use]
    pub fn for_accept(accept: &str) -> Self {
        let open_metrics = quality(accept, OPEN_METRICS);
        if 0.0 < open_metrics && quality(accept, "text/plain") <= open_metrics {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// Returns the highest `q` of a media type in an `accept` header, 0 if it is not listed.
fn quality(accept: &str, media_type: &str) -> f64 {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(media_type) {
            return None;
        }
        let q = parts.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
        q.map_or(Some(1.0), |it| it.trim().parse::<f64>().ok())
    });
    ranges.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Format) {
        assert_eq!(Format::for_accept(accept), expected, "{accept}");
    }

    #[test]
    fn a_scraper_that_prefers_openmetrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        check(prometheus, Format::OpenMetrics);
        check("Application/OpenMetrics-Text", Format::OpenMetrics);
        check("text/plain;q=0.5, application/openmetrics-text;q=0.5", Format::OpenMetrics);
    }

    #[test]
    fn any_other_accept_header_gets_text() {
        check("", Format::Text);
        check("*/*", Format::Text);
        check("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text);
        check("text/plain, application/openmetrics-text;q=0.9", Format::Text);
        check("application/openmetrics-text;q=0", Format::Text);
        check("application/openmetrics-text;q=nonsense", Format::Text);
    }
}
