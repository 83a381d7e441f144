//! A receiver of notifications in place of Slack, PagerDuty and the webhook.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};
use testbed::clock::eventually;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
    response::IntoResponse,
};
use serde_json::Value;
use testbed::Alertmanager;

const SLACK: &str = "/slack";
const PAGERDUTY: &str = "/v2/enqueue";
const WEBHOOK: &str = "/webhook";

/// An HTTP server on loopback that runs until the process ends.
#[derive(Debug)]
pub(crate) struct AlertReceiver {
    url: String,
    messages: Messages,
}

/// The received messages in order: path and JSON.
type Messages = Arc<Mutex<Vec<(String, Value)>>>;

/// A webhook's notification of a group of alerts.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// `firing` or `resolved`.
    pub(crate) status: String,
    pub(crate) alert: String,
    pub(crate) json: Value,
}

// === impl AlertReceiver ===

impl AlertReceiver {
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

    /// Returns the shipped configuration with this receiver's URLs.
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

    /// Returns the webhook's notifications.
    pub(crate) fn notifications(&self) -> Vec<Notification> {
        self.of(WEBHOOK).into_iter().map(Notification::read).collect()
    }

    /// Waits until an alert's last notification to the webhook has this status.
    #[track_caller]
    pub(crate) fn wait_for(&self, alert: &str, status: &str) -> Notification {
        eventually(|| {
            let notifications = self.notifications();
            let last = notifications.iter().rfind(|it| it.alert == alert);
            match last {
                Some(last) if last.status == status => Ok(last.clone()),
                _ => Err(format!("{alert} is not {status}: {}", names(&notifications))),
            }
        })
    }

    /// Waits for a Slack message whose title starts with this text.
    #[track_caller]
    pub(crate) fn wait_for_slack(&self, title: &str) -> Value {
        self.find(SLACK, |it| {
            let attachment = &it["attachments"][0];
            attachment["title"].as_str().unwrap().starts_with(title).then(|| attachment.clone())
        })
    }

    /// Waits for a PagerDuty event with this action whose summary starts with this text.
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

/// Lists notifications for failure messages.
pub(crate) fn names(notifications: &[Notification]) -> String {
    let names: Vec<_> =
        notifications.iter().map(|it| format!("{} {}", it.alert, it.status)).collect();
    names.join(", ")
}

/// Keeps a message and responds like the addressed service.
async fn take(State(messages): State<Messages>, uri: Uri, body: Bytes) -> impl IntoResponse {
    let json = serde_json::from_slice(&body).unwrap();
    messages.lock().unwrap().push((uri.path().to_owned(), json));
    let status = if uri.path() == PAGERDUTY { StatusCode::ACCEPTED } else { StatusCode::OK };
    (status, "ok")
}

// === impl Notification ===

impl Notification {
    fn read(json: Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self { status: text(&json["status"]), alert: text(&json["groupLabels"]["alertname"]), json }
    }
}
