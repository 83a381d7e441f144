//! The metrics page and the shutdown signal of a service.
#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use axum::Router;
use stagelight::{Builder, Telemetry, engine::Outcome, otel::Environment};
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(10);

fn telemetry() -> Telemetry {
    let environment = Environment::from_pairs::<&str, &str>([]);
    let telemetry = Builder::from_env(&environment).disabled(true).build().unwrap();
    telemetry.engine().start_request("/v1/jobs").end(Outcome::Ok);
    telemetry
}

async fn get(url: &str) -> reqwest::Result<String> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    client.get(url).send().await?.text().await
}

fn is_metrics(page: &str) -> bool {
    page.contains(r#"request_duration_seconds_count{endpoint="/v1/jobs",outcome="ok"} 1"#)
}

#[tokio::test]
async fn metrics_are_served_at_an_address_of_their_own_until_the_telemetry_is_dropped() {
    let telemetry = telemetry();
    let address = telemetry.serve_metrics("127.0.0.1:0").await.unwrap();
    let url = format!("http://{address}/metrics");
    assert!(is_metrics(&get(&url).await.unwrap()));
    telemetry.shutdown().await.unwrap();
    assert!(is_metrics(&get(&url).await.unwrap()));

    drop(telemetry);
    let closed = async {
        while get(&url).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
}

#[tokio::test]
async fn the_metrics_handler_keeps_the_app_s_state_and_fallback() {
    let app: Router<u8> = Router::new().route("/metrics", telemetry().metrics_handler());
    let app = app.fallback(async || "the app's fallback").with_state(7);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());
    assert!(is_metrics(&get(&format!("{url}/metrics")).await.unwrap()));
    assert_eq!(get(&format!("{url}/other")).await.unwrap(), "the app's fallback");
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_and_sigint_end_a_service() {
    for signal in ["-TERM", "-INT"] {
        let mut ended = std::pin::pin!(stagelight::shutdown_signal());
        // The first poll installs the handlers.
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut ended).await.is_err());
        let pid = std::process::id().to_string();
        std::process::Command::new("kill").args([signal, &pid]).status().unwrap();
        tokio::time::timeout(PATIENCE, ended).await.unwrap();
    }
}
