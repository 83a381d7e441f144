//! The clients.

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

/// How long requests under way may go on when no new ones are sent: longer than the upstream's longest reply.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients that send requests to the gateway.
#[derive(Debug)]
pub(super) struct Load {
    sender: Arc<Sender>,
    models: Vec<String>,
}

/// What became of the requests, as the clients saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Requests sent; the sum of the next four.
    sent: u64,
    /// Answered in full, whatever the status.
    answered: u64,
    /// Left by their client in the middle, as planned.
    left: u64,
    /// Not answered, or not in full.
    broken: u64,
    /// Still under way when the patience, or the user's, ended.
    given_up: u64,
    /// Not sent, because as many were in flight as may be.
    skipped: u64,
}

#[derive(Debug)]
struct Sender {
    client: Client,
    url: String,
    key: String,
}

/// How one request ended for its client.
#[derive(Clone, Copy, Debug)]
enum End {
    Answered,
    Left,
    Broken,
}

// === impl Load ===

impl Load {
    /// Makes clients for the gateway at `url`, which lets `key` in and has `models`.
    ///
    /// # Errors
    ///
    /// Returns the HTTP client's error if it cannot be set up.
    pub(super) fn new(url: &str, key: &str, models: Vec<String>) -> anyhow::Result<Self> {
        // The gateway is in this process, wherever the environment's proxy would send requests.
        let client = Client::builder().no_proxy().build();
        let client = client.context("the HTTP client cannot be set up")?;
        let sender = Sender { client, url: url.to_owned(), key: key.to_owned() };
        Ok(Self { sender: Arc::new(sender), models })
    }

    /// Sends requests as `args` say until their time is over or an interrupt comes, then waits for the answers.
    ///
    /// Those under way are given up at one more interrupt, or after ten seconds.
    pub(super) async fn run(self, args: &DemoArgs, mut interrupts: Interrupts) -> Counts {
        let mut under_way = JoinSet::new();
        let mut counts = self.send_all(args, &mut interrupts, &mut under_way).await;
        let last_ones = async {
            while let Some(ended) = under_way.join_next().await {
                counts.add(ended.unwrap_or(End::Broken));
            }
        };
        tokio::select! {
            () = last_ones => {}
            () = interrupts.next() => {}
            () = sleep(PATIENCE) => {}
        }
        counts.given_up = counts.sent - counts.answered - counts.left - counts.broken;
        under_way.shutdown().await;
        counts
    }

    async fn send_all(
        &self,
        args: &DemoArgs,
        interrupts: &mut Interrupts,
        under_way: &mut JoinSet<End>,
    ) -> Counts {
        let mut counts = Counts::default();
        let mut pace = Pace::new(args.in_flight(), args.rate, args.seed);
        let mut time_is_over = std::pin::pin!(async {
            match args.limit() {
                Some(limit) => sleep(limit).await,
                None => std::future::pending().await,
            }
        });
        loop {
            let slot = tokio::select! {
                biased;
                () = &mut time_is_over => break,
                () = interrupts.next() => break,
                slot = pace.next() => slot,
            };
            let plan = Plan::draw(args.seed, counts.sent, &self.models);
            counts.sent += 1;
            let sender = Arc::clone(&self.sender);
            under_way.spawn(async move {
                let end = sender.send(&plan).await;
                drop(slot);
                end
            });
            while let Some(ended) = under_way.try_join_next() {
                counts.add(ended.unwrap_or(End::Broken));
            }
        }
        counts.skipped = pace.skipped;
        counts
    }
}

// === impl Sender ===

impl Sender {
    async fn send(&self, plan: &Plan) -> End {
        match plan {
            Plan::ListModels => {
                let request = self.client.get(format!("{}/v1/models", self.url));
                read(request.bearer_auth(&self.key), None).await
            }
            Plan::Chat(chat) => read(self.completion(chat), chat.leaves_after()).await,
        }
    }

    fn completion(&self, chat: &Chat) -> RequestBuilder {
        let key = if chat.has_wrong_key() { "not-the-key" } else { &self.key };
        let request = self.client.post(format!("{}/v1/chat/completions", self.url));
        let json = (header::CONTENT_TYPE, "application/json");
        request.bearer_auth(key).header(json.0, json.1).body(chat.body().to_string())
    }
}

/// Sends a request and reads the answer piece by piece, to its end or until the client leaves.
async fn read(request: RequestBuilder, leaves_after: Option<u32>) -> End {
    let Ok(mut response) = request.send().await else { return End::Broken };
    let mut pieces = 0;
    loop {
        match response.chunk().await {
            Ok(None) => return End::Answered,
            Err(_) => return End::Broken,
            Ok(Some(_)) => pieces += 1,
        }
        if leaves_after.is_some_and(|it| it <= pieces) {
            // Dropping the response closes its connection.
            return End::Left;
        }
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, end: End) {
        match end {
            End::Answered => self.answered += 1,
            End::Left => self.left += 1,
            End::Broken => self.broken += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests sent: {} answered", self.sent, self.answered)?;
        let others = [
            (self.left, "left in the middle"),
            (self.broken, "not answered in full"),
            (self.given_up, "given up"),
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
    fn the_counts_say_what_happened_and_nothing_else() {
        let mut counts = Counts { sent: 3, ..Counts::default() };
        counts.add(End::Answered);
        counts.add(End::Left);
        counts.add(End::Broken);
        assert_eq!(
            counts.to_string(),
            "3 requests sent: 1 answered, 1 left in the middle, 1 not answered in full"
        );
        let counts = Counts { sent: 2, answered: 2, skipped: 5, ..Counts::default() };
        assert_eq!(
            counts.to_string(),
            "2 requests sent: 2 answered; 5 not sent because --concurrency was reached"
        );
    }
}
