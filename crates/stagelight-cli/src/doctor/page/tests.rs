use super::*;

#[test]
fn names_labels_and_values_are_parsed() {
    let text = "# HELP up Up.\n# TYPE up gauge\nup 1\n\n\
                x_total{a=\"1\",b=\"two words\"} 2.5e3 1700000000\n";
    let page = Page::parse(text).unwrap();
    assert_eq!(page.samples().len(), 2);
    assert_eq!(page.sum("up"), Some(1.0));
    let sample = page.named("x_total").next().unwrap();
    assert_eq!((sample.label("a"), sample.label("b"), sample.label("c")), ("1", "two words", ""));
    assert_eq!(sample.value, 2500.0);
}

#[test]
fn escapes_in_label_values_are_decoded() {
    let page = Page::parse(r#"x{a="say \"hi\"\\\n{,}",b="="} +Inf"#).unwrap();
    let sample = &page.samples()[0];
    assert_eq!((sample.label("a"), sample.label("b")), ("say \"hi\"\\\n{,}", "="));
    assert_eq!(sample.value, f64::INFINITY);
}

#[test]
fn the_sum_of_no_samples_is_none() {
    let page = Page::parse("x{a=\"1\"} 1\nx{a=\"2\"} 2\nx_count 7\n").unwrap();
    assert_eq!(page.sum("x"), Some(3.0));
    assert_eq!(page.sum("y"), None);
}

#[test]
fn malformed_pages_are_rejected() {
    for text in ["<html><body>Hello</body></html>", "x", "x{a=1} 2", "x{a=\"1} 2", "x nothing"] {
        assert_eq!(Page::parse(text), None, "{text}");
    }
    assert_eq!(Page::parse("# nothing yet\n"), Some(Page::default()));
}

#[test]
fn the_librarys_own_page_is_parsed() {
    let engine = stagelight::engine::Engine::new();
    engine.start_request("/v1/\"odd\\path").end(stagelight::engine::Outcome::Ok);
    let page = Page::parse(&stagelight_live::prometheus::text(&engine.snapshot())).unwrap();
    let sample = page.named("request_duration_seconds_count").next().unwrap();
    assert_eq!((sample.label("endpoint"), sample.value), ("/v1/\"odd\\path", 1.0));
}
