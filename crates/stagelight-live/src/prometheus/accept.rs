//! Which format a scraper would rather have.

use super::Format;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// Returns the format that an `accept` header asks for: OpenMetrics if it is named, and liked no less than plain text.
pub(super) fn format_for(accept: &str) -> Format {
    let weight = |wanted: &[&str]| {
        let ranges = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?;
            if !wanted.iter().any(|it| name.eq_ignore_ascii_case(it)) {
                return None;
            }
            let q = parts.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
            q.map_or(Some(1.0), |it| it.trim().parse::<f64>().ok())
        });
        ranges.fold(0.0, f64::max)
    };
    let open_metrics = weight(&[OPEN_METRICS]);
    if 0.0 < open_metrics && weight(&["text/plain"]) <= open_metrics {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Format) {
        assert_eq!(format_for(accept), expected, "{accept}");
    }

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        check(prometheus, Format::OpenMetrics);
        check("Application/OpenMetrics-Text", Format::OpenMetrics);
        check("text/plain;q=0.5, application/openmetrics-text;q=0.5", Format::OpenMetrics);
    }

    #[test]
    fn everybody_else_gets_text() {
        check("", Format::Text);
        check("*/*", Format::Text);
        check("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text);
        check("text/plain, application/openmetrics-text;q=0.9", Format::Text);
        check("application/openmetrics-text;q=0", Format::Text);
        check("application/openmetrics-text;q=nonsense", Format::Text);
    }
}
