//! Whoever is notified of alerts: Slack, PagerDuty and a webhook, as far as Alertmanager can tell.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
    response::IntoResponse,
};
use serde_json::Value;
use xtask::Alertmanager;

use crate::clock::eventually;

const SLACK: &str = "/slack";
const PAGERDUTY: &str = "/v2/enqueue";
const WEBHOOK: &str = "/webhook";

/// A real HTTP server on loopback. It goes on until the process ends.
#[derive(Debug)]
pub(crate) struct Receiver {
    url: String,
    messages: Messages,
}

/// What has come, in order: the path it came to, and the JSON.
type Messages = Arc<Mutex<Vec<(String, Value)>>>;

/// What the webhook is told of a group of alerts.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// `firing` or `resolved`.
    pub(crate) status: String,
    pub(crate) alert: String,
    pub(crate) json: Value,
}

// === impl Receiver ===

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let messages = Messages::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&messages));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { url, messages }
    }

    /// Returns the configuration that operators copy, with its secrets leading here.
    pub(crate) fn alertmanager(&self) -> Alertmanager {
        let secret = |name: &str, path| (name.to_owned(), format!("{}{path}", self.url));
        Alertmanager {
            config: "alertmanager.yaml".to_owned(),
            secrets: vec![
                secret("slack_api_url", SLACK),
                secret("webhook_url", WEBHOOK),
                ("pagerduty_routing_key".to_owned(), "a-routing-key".to_owned()),
            ],
            pagerduty_url: Some(format!("{}{PAGERDUTY}", self.url)),
        }
    }

    /// Returns what the webhook has been told so far.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.of(WEBHOOK).into_iter().map(Notice::read).collect()
    }

    /// Waits until the last that the webhook was told of an alert is this status.
    #[track_caller]
    pub(crate) fn wait_for(&self, alert: &str, status: &str) -> Notice {
        eventually(|| {
            let notices = self.notices();
            let last = notices.iter().rfind(|it| it.alert == alert);
            match last {
                Some(last) if last.status == status => Ok(last.clone()),
                _ => Err(format!("{alert} is not {status}: {}", names(&notices))),
            }
        })
    }

    /// Waits for a message to Slack that starts with this title.
    #[track_caller]
    pub(crate) fn wait_for_slack(&self, title: &str) -> Value {
        self.find(SLACK, |it| {
            let attachment = &it["attachments"][0];
            attachment["title"].as_str().unwrap().starts_with(title).then(|| attachment.clone())
        })
    }

    /// Waits for an event at PagerDuty with this action whose summary starts with these words.
    #[track_caller]
    pub(crate) fn wait_for_page(&self, action: &str, summary: &str) -> Value {
        self.find(PAGERDUTY, |it| {
            let found = it["payload"]["summary"].as_str().unwrap().starts_with(summary);
            (it["event_action"] == action && found).then(|| it.clone())
        })
    }

    #[track_caller]
    fn find(&self, path: &str, wanted: impl Fn(&Value) -> Option<Value>) -> Value {
        eventually(|| {
            let all = self.of(path);
            all.iter().find_map(&wanted).ok_or_else(|| format!("{all:#?}"))
        })
    }

    fn of(&self, path: &str) -> Vec<Value> {
        let messages = self.messages.lock().unwrap();
        messages.iter().filter(|it| it.0 == path).map(|it| it.1.clone()).collect()
    }
}

/// Lists what has come, for whoever waits for something else.
pub(crate) fn names(notices: &[Notice]) -> String {
    let names: Vec<_> = notices.iter().map(|it| format!("{} {}", it.alert, it.status)).collect();
    names.join(", ")
}

/// Keeps a message, and answers as the one would to whom it is addressed.
async fn take(State(messages): State<Messages>, uri: Uri, body: Bytes) -> impl IntoResponse {
    let json = serde_json::from_slice(&body).unwrap();
    messages.lock().unwrap().push((uri.path().to_owned(), json));
    let status = if uri.path() == PAGERDUTY { StatusCode::ACCEPTED } else { StatusCode::OK };
    (status, "ok")
}

// === impl Notice ===

impl Notice {
    fn read(json: Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self { status: text(&json["status"]), alert: text(&json["groupLabels"]["alertname"]), json }
    }
}
