use expect_test::expect;
use stagelight_core::{
    Clock, Engine, ExemplarReader,
    catalog::{
        self,
        labels::{Endpoint, ErrorType, Stage},
    },
};

use super::*;

const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;

#[test]
fn a_page_follows_the_openmetrics_specification() {
    let engine = Engine::with_clock(Clock::manual().0);
    let mut reader = ExemplarReader::new(&engine);
    let labels = (Stage::new("parse"), Endpoint::new("/x"), ErrorType::new("a \"b\""));
    engine.add(catalog::REQUEST_STAGE_ERRORS, labels, 2);
    let record = |nanos| {
        let values = [catalog::FRONTEND_PROCESSING.value(nanos)];
        engine.record(&catalog::FRONTEND, Endpoint::new("/x"), &values);
    };
    record(2_000_000);
    engine.spans().set_current(stagelight_core::layer_api::SpanKey::NONE, Some((TRACE, 0xb7)));
    record(700_000_000);
    let snapshot = reader.snapshot();
    let mut view = ExemplarView::default();
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_250);
    view.update(&snapshot, now);
    let check = expect![[r##"
        # TYPE request_stage_errors counter
        # HELP request_stage_errors Stages that ended with an error.
        request_stage_errors_total{stage="parse",endpoint="/x",error_type="a \"b\""} 2
        # TYPE frontend_processing_seconds histogram
        # HELP frontend_processing_seconds Sum of the durations of a request's stages in the group `frontend_processing`. Requests without such a stage are not counted.
        frontend_processing_seconds_bucket{endpoint="/x",le="0.001"} 0
        frontend_processing_seconds_bucket{endpoint="/x",le="0.005"} 1
        frontend_processing_seconds_bucket{endpoint="/x",le="0.01"} 1
        frontend_processing_seconds_bucket{endpoint="/x",le="0.025"} 1
        frontend_processing_seconds_bucket{endpoint="/x",le="0.05"} 1
        frontend_processing_seconds_bucket{endpoint="/x",le="0.1"} 1
        frontend_processing_seconds_bucket{endpoint="/x",le="0.25"} 1
        frontend_processing_seconds_bucket{endpoint="/x",le="0.5"} 1
        frontend_processing_seconds_bucket{endpoint="/x",le="+Inf"} 2 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="00000000000000b7"} 0.7 1700000000.250
        frontend_processing_seconds_sum{endpoint="/x"} 0.702
        frontend_processing_seconds_count{endpoint="/x"} 2
        # EOF
    "##]];
    check.assert_eq(&write(&snapshot, &view));
    // An exemplar stays until the next one, with its original time.
    let later = reader.snapshot();
    view.update(&later, now + std::time::Duration::from_secs(9));
    assert_eq!(write(&later, &view), write(&snapshot, &view));
}

#[test]
fn bounds_have_a_decimal_point() {
    let text = |bound| Bound(bound).to_string();
    assert_eq!([text(1.0), text(0.25), text(f64::INFINITY)], ["1.0", "0.25", "+Inf"]);
}
