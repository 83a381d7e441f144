//! Lists of pairs, and the other values of settings.

use std::fmt::Write as _;

use stagelight_otel::env::{parse_bool, parse_count, parse_millis, parse_pairs, parse_switch};

/// Parses any text as every kind of value. A parsed value survives being written and parsed again.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(pairs) = parse_pairs(&text) {
        let size: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(size <= text.len(), "{size} bytes out of {}", text.len());
        assert!(pairs.iter().all(|it| !it.0.is_empty()));
        assert_eq!(parse_pairs(&write(&pairs)), Some(pairs));
    }
    if let Some(length) = parse_millis(&text) {
        assert!(!length.is_zero());
        assert_eq!(parse_millis(&length.as_millis().to_string()), Some(length));
    }
    if let Some(count) = parse_count(&text) {
        assert!(0 < count);
        assert_eq!(parse_count(&count.to_string()), Some(count));
    }
    if let Some(switch) = parse_bool(&text) {
        assert_eq!(text.to_ascii_lowercase(), switch.to_string());
        assert_eq!(parse_switch(&text), Some(switch));
    }
}

/// Writes pairs with every byte percent-encoded.
fn write(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut all, it| {
            write!(all, "%{it:02x}").ok();
            all
        })
    };
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}
