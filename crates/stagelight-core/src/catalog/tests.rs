use super::*;

#[test]
fn families_stand_at_their_index() {
    for (position, family) in ALL.iter().enumerate() {
        assert_eq!(family.index, Some(position));
    }
}

#[test]
fn labels_stand_at_their_index() {
    for (position, label) in Label::ALL.iter().enumerate() {
        assert_eq!(label.index, Some(position));
    }
}

#[test]
fn each_name_is_used_once() {
    for name in [|it: &Metric| it.name, |it: &Metric| it.prometheus_name] {
        let mut names: Vec<_> = ALL.iter().flat_map(|it| it.metrics).map(name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

#[test]
fn each_family_records_what_its_row_says() {
    assert_eq!(STAGE.labels, [Stage::LABEL, Endpoint::LABEL]);
    assert_eq!(REQUEST.labels, [Endpoint::LABEL, Outcome::LABEL]);
    assert_eq!(FRONTEND.labels, [Endpoint::LABEL]);
    assert_eq!(
        HTTP_SERVER.labels[2..5],
        [HttpResponseStatusCode::LABEL, HttpRoute::LABEL, ErrorType::LABEL,]
    );
    let help = STREAMING_RESPONSE_WAIT_UPSTREAM.metric().help;
    assert!(
        help.starts_with("Time a stream waited for the service to produce its next chunk. With")
    );
    assert_eq!(REQUEST_STAGE_BUSY.position(), 2);
    assert_eq!(REQUEST_STAGE_BUSY.metric().prometheus_name, "request_stage_busy_seconds");
}

#[test]
fn the_contract_is_kept_to_the_letter() {
    let find = |name: &str| {
        let found = ALL.iter().find_map(|family| {
            let metric = family.metrics.iter().find(|it| it.prometheus_name == name)?;
            Some((family.labels.iter().map(|it| it.otel_name).collect::<Vec<_>>(), metric.bounds()))
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

/// Returns the names of all metrics that [`StreamFamily`] finds, without `streaming.<kind>.`.
fn names<F: StreamFamily>(kind: &str) -> Vec<&'static str> {
    let found = [
        F::TIME_TO_FIRST_BYTE,
        F::TIME_TO_FIRST_CHUNK,
        F::CHUNKS,
        F::SIZE,
        F::GAP_LONGEST,
        F::GAP_MEAN,
        F::WAIT_UPSTREAM,
        F::WAIT_CLIENT,
        F::CANCELLED,
        F::TIMED_OUT,
    ];
    assert_eq!(found.map(MetricId::position), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let names = found.map(|it| it.metric().name.strip_prefix(&format!("streaming.{kind}.")));
    names.into_iter().collect::<Option<_>>().expect("all names have the prefix")
}

#[test]
fn both_kinds_of_streams_have_the_same_metrics() {
    let response = names::<StreamResponseFamily>("response");
    assert_eq!(response, names::<StreamBackendFamily>("backend"));
    assert_eq!(response.len(), STREAM_METRICS);
    assert_eq!(response[6], "wait.upstream");
}
