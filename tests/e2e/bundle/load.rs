//! A mixed load that fills every panel: successes, errors, cancels, timeouts and slow readers.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};

use crate::client::{Chat, Client};

/// Three models of two providers.
const MODELS: [&str; 3] = ["northwind-large", "northwind-mini", "halcyon-chat"];
/// Number of concurrent clients of each model.
const CLIENTS: usize = 2;
/// Pause between a response and the next request.
const PAUSE: Duration = Duration::from_millis(150);
/// Interval of failing requests in [`Trouble::Much`], about one request in ten.
const TROUBLE_INTERVAL: Duration = Duration::from_millis(700);
/// Factor of the interval in [`Trouble::Little`], about one request in a hundred.
const LITTLE: u32 = 12;
/// How long the slow reader does not read.
const STALL: Duration = Duration::from_secs(1);

/// The gateway's timeout for a silent provider. The load's timeouts are longer, all else is far
/// shorter.
pub(crate) const GATEWAY_TIMEOUT: &str = "2s";

/// Threads that send requests until this is dropped.
///
/// The gateway may be down for a while: failed requests are not repeated.
#[derive(Debug)]
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

/// How often requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Every kind of failure within seconds.
    Much,
    /// As in a healthy service.
    Little,
}

/// A failing or unusual request.
type Odd = fn(&Client) -> Option<()>;

/// The requests of the failing client, in turn.
const ODD: [Odd; 13] = [
    |client| sent(client.try_get("/v1/models")),
    |client| sent(client.with_key("sk-wrong").try_post(&completion(MODELS[0], true), "")),
    |client| provider(client, MODELS[2], "ttft=50ms,error=500"),
    |client| cancel(client, MODELS[0]),
    |client| sent(client.try_post(&completion("no-such-model", true), "")),
    |client| provider(client, MODELS[1], "ttft=20ms,error=429"),
    |client| provider(client, MODELS[0], "tokens=20,break-after=5"),
    |client| cancel(client, MODELS[2]),
    |client| sent(client.try_post(&json!({"model": 7}), "")),
    |client| provider(client, MODELS[0], "ttft=80ms,error=503"),
    |client| sent(client.try_get("/v1/nothing-here")),
    |client| cancel(client, MODELS[1]),
    |client| provider(client, MODELS[1], "tokens=20,break-after=9"),
];

/// The requests of the client that runs into timeouts, in turn.
const TIMEOUTS: [Odd; 3] = [
    |client| provider(client, MODELS[0], "ttft=4s"),
    |client| provider(client, MODELS[1], "ttft=30ms,tokens=8,stall-after=3:4s"),
    |client| provider(client, MODELS[2], "ttft=30ms,tokens=8,stall-after=2:4s"),
];

// === impl Load ===

impl Load {
    /// Starts all clients.
    pub(crate) fn start(client: &Client, trouble: Trouble) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let spawn = |mut send: Box<dyn FnMut(&Client) + Send>| {
            let (client, is_over) = (client.clone(), Arc::clone(&is_over));
            thread::spawn(move || {
                while !is_over.load(Relaxed) {
                    send(&client);
                }
            })
        };
        let mut clients = Vec::new();
        for model in MODELS {
            clients.extend((0..CLIENTS).map(|number| spawn(Box::new(usual(model, number)))));
        }
        let (pause, timeout_pause) = match trouble {
            Trouble::Much => (TROUBLE_INTERVAL, Duration::ZERO),
            Trouble::Little => (TROUBLE_INTERVAL * LITTLE, TROUBLE_INTERVAL * LITTLE * 3),
        };
        clients.push(spawn(Box::new(in_turn(&ODD, pause))));
        clients.push(spawn(Box::new(in_turn(&TIMEOUTS, timeout_pause))));
        clients.push(spawn(Box::new(read_slowly)));
        Self { is_over, clients }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        for client in self.clients.drain(..) {
            // A client's panic has been printed and must not hide the test's.
            drop(client.join());
        }
    }
}

/// Sends requests for one model, three in four streamed, with the provider's default latency.
fn usual(model: &'static str, number: usize) -> impl FnMut(&Client) + Send {
    let mut sent = number;
    move |client| {
        sent += 1;
        drop(client.try_post(&completion(model, !sent.is_multiple_of(4)), ""));
        thread::sleep(PAUSE);
    }
}

fn in_turn(kinds: &'static [Odd], pause: Duration) -> impl FnMut(&Client) + Send {
    let mut turn = kinds.iter().cycle();
    move |client| {
        // A failed request is not repeated before its next turn.
        let _sent: Option<()> = turn.next().and_then(|send| send(client));
        thread::sleep(pause);
    }
}

/// Requests more than the socket buffers hold, and stalls before reading.
///
/// On a raw socket, because a client library would read ahead.
fn read_slowly(client: &Client) {
    let body = completion(MODELS[2], true).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\n\
         content-type: application/json\r\nx-sim: ttft=30ms,tokens=30000,token-interval=0ms\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        client.authority(),
        client.bearer(),
        body.len(),
    );
    let exchange = || {
        let mut stream = TcpStream::connect(client.authority())?;
        stream.write_all(format!("{head}{body}").as_bytes())?;
        thread::sleep(STALL);
        stream.read_to_end(&mut Vec::new())
    };
    drop(exchange());
    thread::sleep(STALL);
}

fn completion(model: &str, is_stream: bool) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "user", "content": "say a word"}],
        "stream": is_stream,
    })
}

fn provider(client: &Client, model: &str, sim: &str) -> Option<()> {
    sent(client.try_post(&completion(model, true), sim))
}

fn cancel(client: &Client, model: &'static str) -> Option<()> {
    let sim = "ttft=100ms,tokens=500,token-interval=20ms";
    sent(client.try_chat_and_cancel(&Chat::streamed(model, sim), 30))
}

fn sent<T, E>(result: Result<T, E>) -> Option<()> {
    result.ok().map(drop)
}
