//! Values of attributes on the metrics page: one a line, and before them an `Accept` header.

use stagelight_core::{Clock, Engine, catalog, catalog::Label};
use stagelight_live::prometheus::{Format, MetricsPage};

/// The longest value that is kept, in bytes.
const LONGEST: usize = 256;
/// More values would only be `other`.
const MOST: usize = 20;

/// Shows any values, in any format that is asked for: each stands on one line, and can be read back.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\0');
    let format = Format::for_accept(parts.next().unwrap_or_default());
    let (clock, _) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let values: Vec<_> = parts.take(MOST).filter(|it| !it.is_empty()).collect();
    for value in &values {
        engine.record(&catalog::REQUEST, &[value, "ok"], &[(0, 1)]);
    }

    let page = MetricsPage::new(&engine).render(format);
    let mut shown: Vec<_> = page
        .split_terminator('\n')
        .filter_map(|it| it.strip_prefix("request_duration_seconds_count{endpoint=\""))
        .map(|it| unquote(it).unwrap_or_else(|| panic!("cannot read {it:?}")))
        .collect();
    let mut expected: Vec<_> = values
        .into_iter()
        .map(|it| if it.len() <= LONGEST { it.to_owned() } else { "other".to_owned() })
        .collect();
    for list in [&mut shown, &mut expected] {
        list.sort();
        list.dedup();
    }
    assert_eq!(shown, expected);
    assert!(expected.len() <= Label::Endpoint.cap());
}

/// Reads a value up to the quote that ends it; `None` if what follows is not the rest of such a line.
fn unquote(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => break,
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                it @ ('\\' | '"') => it,
                _ => return None,
            }),
            it => value.push(it),
        }
    }
    rest.as_str().starts_with(",outcome=\"ok\"} ").then_some(value)
}
