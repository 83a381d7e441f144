//! `init()` where a global subscriber is set already. One test, because it needs the process's.

use stagelight::{
    Builder, InitError,
    engine::{Engine, Outcome},
    otel::Environment,
};
use tracing_subscriber::util::SubscriberInitExt as _;

#[test]
fn a_failed_init_does_not_become_the_process_s_telemetry() {
    tracing_subscriber::registry().init();
    let builder = || Builder::from_env(&Environment::from_pairs::<&str, &str>([])).disabled(true);
    let error = builder().init().unwrap_err();
    assert!(matches!(error, InitError::SubscriberSet(_)), "{error}");
    assert!(Engine::global().is_none());

    let telemetry = builder().build().unwrap();
    telemetry.engine().start_request("job").end(Outcome::Ok);
    assert!(!Engine::global().unwrap().snapshot().series.is_empty());
}
