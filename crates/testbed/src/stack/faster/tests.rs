use super::faster;

#[track_caller]
fn check(shipped: &str, expected: &str) {
    assert_eq!(faster(shipped, 30).unwrap(), expected);
}

#[test]
fn what_an_alert_waits_for_comes_sooner() {
    check("  - alert: A\n    for: 5m\n", "  - alert: A\n    for: 10000ms\n");
    check("    keep_firing_for: 1h30m # why\n", "    keep_firing_for: 180000ms # why\n");
    check("  - interval: 1m\n", "  - interval: 2000ms\n");
    check(
        "  group_wait: 5m\n  repeat_interval: 4h",
        "  group_wait: 10000ms\n  repeat_interval: 480000ms",
    );
}

#[test]
fn ranges_steps_and_offsets_get_shorter() {
    check("rate(x[5m])", "rate(x[10000ms])");
    check("max_over_time(x[1h:1m])", "max_over_time(x[120000ms:2000ms])");
    check("max_over_time(x[1h:])", "max_over_time(x[120000ms:])");
    check("x offset 1d", "x offset 2880000ms");
}

#[test]
fn nothing_gets_shorter_than_a_second_or_longer_than_it_was() {
    check("for: 10s", "for: 1000ms");
    check("for: 500ms", "for: 500ms");
    check("for: 0s", "for: 0ms");
}

#[test]
fn names_and_prose_stay_as_they_are() {
    for text in [
        "expr: job:x:rate5m > 3.0",
        "record: otelcol:receiver_accepted:rate5m",
        "description: slow for 5m",
        "summary: for: 5m or so",
        "x{le=\"5m\"} > 300",
    ] {
        check(text, text);
    }
}

#[test]
fn what_should_be_a_duration_and_is_none_is_an_error() {
    let error = faster("for: 5parsecs", 30).unwrap_err();
    assert_eq!(error.to_string(), "\"5parsecs\" is no duration such as 5m or 1h30m");
}
