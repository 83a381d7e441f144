use super::*;

#[test]
fn families_stand_at_their_index() {
    for (position, family) in ALL.iter().enumerate() {
        assert_eq!(family.index, position);
    }
}

#[test]
fn labels_stand_at_their_discriminant() {
    for (position, label) in Label::ALL.iter().enumerate() {
        assert_eq!(*label as usize, position);
    }
}

#[test]
fn a_name_is_spelled_once() {
    let mut names: Vec<_> =
        ALL.iter().flat_map(|it| it.metrics).map(Metric::prometheus_name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_contract_is_kept_to_the_letter() {
    let find = |name: &str| {
        let found = ALL.iter().find_map(|family| {
            let metric = family.metrics.iter().find(|it| it.prometheus_name() == name)?;
            Some((
                family.labels.iter().map(|it| it.otel_name()).collect::<Vec<_>>(),
                metric.bounds(),
            ))
        });
        found.unwrap_or_else(|| panic!("{name} is not in the catalogue"))
    };
    let backend = [0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0];
    let stage = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        5.0, 10.0,
    ];
    assert_eq!(find("backend_ttfb_seconds"), (vec!["provider", "model", "endpoint"], &backend[..]));
    assert_eq!(
        find("streaming_duration_seconds"),
        (vec!["provider", "model", "endpoint"], &backend[..])
    );
    assert_eq!(
        find("frontend_processing_seconds"),
        (vec!["endpoint"], &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5][..])
    );
    for name in ["duration", "share", "busy"] {
        let name = format!("request_stage_{name}_seconds");
        assert_eq!(find(&name), (vec!["stage", "endpoint"], &stage[..]));
    }
    assert_eq!(find("stage_percentage"), (vec!["stage", "endpoint"], &[][..]));
    assert_eq!(find("request_stage_errors_total").0, ["stage", "endpoint", "error.type"]);
}

#[test]
fn both_kinds_of_streams_have_the_same_metrics_in_the_same_places() {
    let names = |family: &Family, kind: &str| {
        let prefix = format!("streaming.{kind}.");
        let names = family.metrics.iter().map(|it| it.name.strip_prefix(&prefix));
        names.collect::<Option<Vec<_>>>().expect("all names begin alike")
    };
    let response = names(&STREAM_RESPONSE, "response");
    assert_eq!(response, names(&STREAM_BACKEND, "backend"));
    for (position, name) in [
        (STREAM_FIRST_BYTE, "time_to_first_byte"),
        (STREAM_FIRST_CHUNK, "time_to_first_chunk"),
        (STREAM_CHUNKS, "chunks"),
        (STREAM_SIZE, "size"),
        (STREAM_LONGEST_GAP, "gap.longest"),
        (STREAM_MEAN_GAP, "gap.mean"),
        (STREAM_WAIT_UPSTREAM, "wait.upstream"),
        (STREAM_WAIT_CLIENT, "wait.client"),
        (STREAM_CANCELLED, "cancelled"),
        (STREAM_TIMED_OUT, "timed_out"),
    ] {
        assert_eq!(response[position], name);
    }
    assert_eq!(response.len(), 10);
}
