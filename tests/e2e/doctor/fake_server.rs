//! A fake of the parts of Grafana's API that the doctor uses, and of other servers with faults.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use testbed::Addresses;

use testbed::http_client::get;
/// The accepted token.
pub(super) const TOKEN: &str = "a-grafana-token";
/// The offset of the slow clock, in seconds.
const BEHIND: u64 = 3600;

/// A server on loopback that runs until the process ends.
#[derive(Debug)]
pub(super) struct FakeServer {
    url: String,
    state: Arc<Known>,
}

#[derive(Debug)]
struct Known {
    /// Prometheus' URL in the data source.
    source: Mutex<String>,
    /// The gateway's metrics page.
    page: String,
}

// === impl FakeServer ===

impl FakeServer {
    /// Starts the server with the stack's Prometheus as data source.
    pub(super) fn start(addresses: &Addresses) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let source = Mutex::new(addresses.prometheus.clone());
        let page = addresses.metrics.clone().unwrap();
        let state = Arc::new(Known { source, page });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { url, state }
    }

    /// Returns Grafana's URL, with a path as behind a proxy.
    pub(super) fn grafana(&self) -> String {
        format!("{}/grafana", self.url)
    }

    /// Returns the URL of an OTLP receiver that drops everything.
    pub(super) fn sink(&self) -> String {
        format!("{}/sink", self.url)
    }

    /// Returns the URL of the gateway's page with a clock that is an hour slow.
    pub(super) fn slow_clock(&self) -> String {
        format!("{}/slow-clock/metrics", self.url)
    }

    /// Returns the URL of an empty Prometheus.
    pub(super) fn other_prometheus(&self) -> String {
        format!("{}/other", self.url)
    }

    /// Sets Prometheus' URL in the data source.
    pub(super) fn set_source(&self, url: &str) {
        url.clone_into(&mut self.state.source.lock().unwrap());
    }
}

async fn answer(State(known): State<Arc<Known>>, uri: Uri, headers: HeaderMap) -> Response {
    let source = known.source.lock().unwrap().clone();
    match uri.path() {
        "/grafana/api/health" => json_of(&json!({"database": "ok", "version": "13.2.0"})),
        "/sink/v1/metrics" => {
            ([(header::CONTENT_TYPE, "application/x-protobuf")], "").into_response()
        }
        "/slow-clock/metrics" => {
            ([(header::DATE, earlier())], fetch(&known.page).unwrap()).into_response()
        }
        "/other/api/v1/query" | "/other/api/v1/status/buildinfo" => {
            json_of(&json!({"status": "success", "data": {"resultType": "vector", "result": []}}))
        }
        path if path.starts_with("/grafana/") => match headers.get(header::AUTHORIZATION) {
            Some(it) if it.as_bytes() == format!("Bearer {TOKEN}").as_bytes() => with_token(
                path.trim_start_matches("/grafana"),
                uri.query().unwrap_or_default(),
                &source,
            ),
            _ => (StatusCode::UNAUTHORIZED, r#"{"message":"Unauthorized"}"#).into_response(),
        },
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Responds to authenticated requests.
fn with_token(path: &str, query: &str, source: &str) -> Response {
    let proxied = path.strip_prefix("/api/datasources/proxy/uid/prom");
    match path {
        "/api/datasources" => json_of(&json!([
            {"uid": "tempo", "name": "Tempo", "type": "tempo", "url": "http://127.0.0.1:3200"},
            {
                "uid": "prom",
                "name": "Prometheus",
                "type": "prometheus",
                "url": source,
                "jsonData": {
                    "timeInterval": "15s",
                    "exemplarTraceIdDestinations": [{"name": "trace_id", "datasourceUid": "tempo"}],
                },
            },
        ])),
        "/api/datasources/uid/prom/health" => {
            match fetch(&format!("{source}/api/v1/status/buildinfo")) {
                Ok(_) => json_of(&json!({"status": "OK", "message": "Successfully queried"})),
                Err(error) => (
                    StatusCode::BAD_REQUEST,
                    json!({"status": "ERROR", "message": error}).to_string(),
                )
                    .into_response(),
            }
        }
        "/api/search" => json_of(&json!([{"title": "Stage breakdown"}])),
        _ => match proxied.map(|rest| fetch(&format!("{source}{rest}?{query}"))) {
            Some(Ok(answer)) => {
                ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
            }
            Some(Err(error)) => (StatusCode::BAD_GATEWAY, error).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

fn fetch(url: &str) -> Result<String, String> {
    get(url).map_err(|error| error.to_string())
}

fn json_of(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// Returns the slow clock's date in HTTP's format.
fn earlier() -> String {
    let now = std::time::SystemTime::now();
    httpdate::fmt_http_date(now - std::time::Duration::from_secs(BEHIND))
}
