//! The load generator.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context;
use reqwest::{Client, RequestBuilder, header};
use tokio::{task::JoinSet, time::sleep};

use super::{
    interrupts::Interrupts,
    options::DemoArgs,
    pace::Pace,
    plan::{Chat, Plan},
};

/// Timeout of the requests in flight at the end; exceeds the simulated provider's longest reply.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Generates load on the gateway.
#[derive(Debug)]
pub(super) struct Load {
    sender: Arc<Sender>,
    models: Vec<String>,
}

/// The results of the requests, from the clients' view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Requests sent: the sum of the next four.
    sent: u64,
    /// Completed with any status.
    completed: u64,
    /// Cancelled by the client, as planned.
    cancelled: u64,
    /// Without a complete response.
    failed: u64,
    /// In flight at the drain timeout or the second interrupt.
    abandoned: u64,
    /// Not sent, because the maximum was in flight.
    skipped: u64,
}

#[derive(Debug)]
struct Sender {
    client: Client,
    url: String,
    key: String,
}

/// The result of one request, from the client's view.
#[derive(Clone, Copy, Debug)]
enum RequestResult {
    Completed,
    Cancelled,
    Failed,
}

// === impl Load ===

impl Load {
    /// Targets the gateway at `url` with API key `key` and these models.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be created.
    pub(super) fn new(url: &str, key: &str, models: Vec<String>) -> anyhow::Result<Self> {
        // The gateway runs in this process: a proxy from the environment must not be used.
        let client = Client::builder().no_proxy().build();
        let client = client.context("cannot create the HTTP client")?;
        let sender = Sender { client, url: url.to_owned(), key: key.to_owned() };
        Ok(Self { sender: Arc::new(sender), models })
    }

    /// Sends requests until the duration is over or an interrupt comes, then awaits the responses.
    ///
    /// Abandons those in flight after ten seconds or at another interrupt.
    pub(super) async fn run(self, args: &DemoArgs, mut interrupts: Interrupts) -> Counts {
        let mut in_flight = JoinSet::new();
        let mut counts = self.send_all(args, &mut interrupts, &mut in_flight).await;
        let drained = async {
            while let Some(ended) = in_flight.join_next().await {
                counts.add(ended.unwrap_or(RequestResult::Failed));
            }
        };
        tokio::select! {
            () = drained => {}
            () = interrupts.next() => {}
            () = sleep(DRAIN_TIMEOUT) => {}
        }
        counts.abandoned = counts.sent - counts.completed - counts.cancelled - counts.failed;
        in_flight.shutdown().await;
        counts
    }

    async fn send_all(
        &self,
        args: &DemoArgs,
        interrupts: &mut Interrupts,
        in_flight: &mut JoinSet<RequestResult>,
    ) -> Counts {
        let mut counts = Counts::default();
        let mut pace = Pace::new(args.in_flight(), args.rate, args.seed);
        let mut time_limit = std::pin::pin!(async {
            match args.limit() {
                Some(limit) => sleep(limit).await,
                None => std::future::pending().await,
            }
        });
        loop {
            let slot = tokio::select! {
                biased;
                () = &mut time_limit => break,
                () = interrupts.next() => break,
                slot = pace.next() => slot,
            };
            let plan = Plan::generate(args.seed, counts.sent, &self.models);
            counts.sent += 1;
            let sender = Arc::clone(&self.sender);
            in_flight.spawn(async move {
                let end = sender.send(&plan).await;
                drop(slot);
                end
            });
            while let Some(ended) = in_flight.try_join_next() {
                counts.add(ended.unwrap_or(RequestResult::Failed));
            }
        }
        counts.skipped = pace.skipped;
        counts
    }
}

// === impl Sender ===

impl Sender {
    async fn send(&self, plan: &Plan) -> RequestResult {
        match plan {
            Plan::ListModels => {
                let request = self.client.get(format!("{}/v1/models", self.url));
                read(request.bearer_auth(&self.key), None).await
            }
            Plan::Chat(chat) => read(self.completion(chat), chat.cancels_after()).await,
        }
    }

    fn completion(&self, chat: &Chat) -> RequestBuilder {
        let key = if chat.has_wrong_key() { "not-the-key" } else { &self.key };
        let request = self.client.post(format!("{}/v1/chat/completions", self.url));
        let json = (header::CONTENT_TYPE, "application/json");
        request.bearer_auth(key).header(json.0, json.1).body(chat.body().to_string())
    }
}

/// Sends a request and reads the response to its end or, as planned, up to some chunk.
async fn read(request: RequestBuilder, cancels_after: Option<u32>) -> RequestResult {
    let Ok(mut response) = request.send().await else { return RequestResult::Failed };
    let mut chunks = 0;
    loop {
        match response.chunk().await {
            Ok(None) => return RequestResult::Completed,
            Err(_) => return RequestResult::Failed,
            Ok(Some(_)) => chunks += 1,
        }
        if cancels_after.is_some_and(|it| it <= chunks) {
            // Dropping the response closes its connection.
            return RequestResult::Cancelled;
        }
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, result: RequestResult) {
        match result {
            RequestResult::Completed => self.completed += 1,
            RequestResult::Cancelled => self.cancelled += 1,
            RequestResult::Failed => self.failed += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests sent: {} completed", self.sent, self.completed)?;
        let others = [
            (self.cancelled, "cancelled by the client"),
            (self.failed, "without a complete response"),
            (self.abandoned, "abandoned"),
        ];
        for (count, what) in others {
            if 0 < count {
                write!(f, ", {count} {what}")?;
            }
        }
        if 0 < self.skipped {
            write!(f, "; {} not sent because --concurrency was reached", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_omits_zero_counts() {
        let mut counts = Counts { sent: 3, ..Counts::default() };
        counts.add(RequestResult::Completed);
        counts.add(RequestResult::Cancelled);
        counts.add(RequestResult::Failed);
        assert_eq!(
            counts.to_string(),
            "3 requests sent: 1 completed, 1 cancelled by the client, 1 without a complete response"
        );
        let counts = Counts { sent: 2, completed: 2, skipped: 5, ..Counts::default() };
        assert_eq!(
            counts.to_string(),
            "2 requests sent: 2 completed; 5 not sent because --concurrency was reached"
        );
    }
}
