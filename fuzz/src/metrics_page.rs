//! Attribute values on the metrics page: an `Accept` header, then the values, separated by NUL.

use stagelight_core::{
    Clock, Engine, Outcome,
    catalog::{self, labels::Endpoint},
};
use stagelight_live::prometheus::{Format, MetricsPage};

/// The length above which values become `other`, in bytes.
const MAX_LENGTH: usize = 256;
/// Number of values used; further ones would become `other`.
const MAX_VALUES: usize = 20;

/// Renders any values in any requested format: each is on one line and can be parsed back.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\0');
    let format = Format::for_accept(parts.next().unwrap_or_default());
    let (clock, _) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let values: Vec<_> = parts.take(MAX_VALUES).filter(|it| !it.is_empty()).collect();
    for value in &values {
        let values = [catalog::REQUEST_DURATION.value(1)];
        engine.record(&catalog::REQUEST, (Endpoint::new(value), Outcome::Ok), &values);
    }

    let page = MetricsPage::new(&engine).render(format);
    let mut shown: Vec<_> = page
        .split_terminator('\n')
        .filter_map(|it| it.strip_prefix("request_duration_seconds_count{endpoint=\""))
        .map(|it| unquote(it).unwrap_or_else(|| panic!("cannot read {it:?}")))
        .collect();
    let mut expected: Vec<_> = values
        .into_iter()
        .map(|it| if it.len() <= MAX_LENGTH { it.to_owned() } else { "other".to_owned() })
        .collect();
    for list in [&mut shown, &mut expected] {
        list.sort();
        list.dedup();
    }
    assert_eq!(shown, expected);
    assert!(expected.len() <= Endpoint::LABEL.cap);
}

/// Unescapes a value up to its closing quote; `None` if the rest of the line is unexpected.
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
