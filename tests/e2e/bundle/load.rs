//! Callers of every kind at once: what fills every panel, and what a dashboard is looked at for.

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

use crate::caller::{Caller, Chat};

/// Two providers' three models.
const MODELS: [&str; 3] = ["northwind-large", "northwind-mini", "halcyon-chat"];
/// How many callers each model has at once.
const CALLERS: usize = 2;
/// How long a caller thinks between an answer and its next question.
const THINKING: Duration = Duration::from_millis(150);
/// How long from one request with trouble to the next, where there is much of it: about one in ten is one.
const BETWEEN_TROUBLE: Duration = Duration::from_millis(700);
/// How much longer where there is little: about one in a hundred.
const PEACE: u32 = 12;
/// How long the slow reader reads nothing.
const REST: Duration = Duration::from_secs(1);

/// The longest silence of a provider that the gateway is to take. The load's timeouts are longer,
/// all else is far shorter.
pub(crate) const TIMEOUT: &str = "2s";

/// Threads that send requests until they are told to stop, which dropping this does.
///
/// The gateway may be away for some time: requests that find none are lost, and the next are sent.
#[derive(Debug)]
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

/// How often something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Everything within seconds.
    Much,
    /// As in a service that one is content with.
    Little,
}

/// One request of which something is to go wrong, or that is out of the ordinary.
type Odd = fn(&Caller) -> Option<()>;

/// What comes in turn from the caller with trouble.
const ODD: [Odd; 13] = [
    |caller| sent(caller.try_get("/v1/models")),
    |caller| sent(caller.with_key("sk-wrong").try_post(&ask(MODELS[0], true), "")),
    |caller| provider(caller, MODELS[2], "ttft=50ms,error=500"),
    |caller| leave(caller, MODELS[0]),
    |caller| sent(caller.try_post(&ask("no-such-model", true), "")),
    |caller| provider(caller, MODELS[1], "ttft=20ms,error=429"),
    |caller| provider(caller, MODELS[0], "tokens=20,break-after=5"),
    |caller| leave(caller, MODELS[2]),
    |caller| sent(caller.try_post(&json!({"model": 7}), "")),
    |caller| provider(caller, MODELS[0], "ttft=80ms,error=503"),
    |caller| sent(caller.try_get("/v1/nothing-here")),
    |caller| leave(caller, MODELS[1]),
    |caller| provider(caller, MODELS[1], "tokens=20,break-after=9"),
];

/// What comes in turn from the caller that waits in vain.
const SILENCE: [Odd; 3] = [
    |caller| provider(caller, MODELS[0], "ttft=4s"),
    |caller| provider(caller, MODELS[1], "ttft=30ms,tokens=8,stall-after=3:4s"),
    |caller| provider(caller, MODELS[2], "ttft=30ms,tokens=8,stall-after=2:4s"),
];

// === impl Load ===

impl Load {
    /// Starts all callers.
    pub(crate) fn start(caller: &Caller, trouble: Trouble) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let spawn = |mut send: Box<dyn FnMut(&Caller) + Send>| {
            let (caller, is_over) = (caller.clone(), Arc::clone(&is_over));
            thread::spawn(move || {
                while !is_over.load(Relaxed) {
                    send(&caller);
                }
            })
        };
        let mut callers = Vec::new();
        for model in MODELS {
            callers.extend((0..CALLERS).map(|number| spawn(Box::new(usual(model, number)))));
        }
        let (pause, silence) = match trouble {
            Trouble::Much => (BETWEEN_TROUBLE, Duration::ZERO),
            Trouble::Little => (BETWEEN_TROUBLE * PEACE, BETWEEN_TROUBLE * PEACE * 3),
        };
        callers.push(spawn(Box::new(in_turn(&ODD, pause))));
        callers.push(spawn(Box::new(in_turn(&SILENCE, silence))));
        callers.push(spawn(Box::new(read_slowly)));
        Self { is_over, callers }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        for caller in self.callers.drain(..) {
            // A caller's panic has been printed; it must not hide what the test has to say.
            drop(caller.join());
        }
    }
}

/// Asks one model, three times in four for a stream. The provider's own spread is what comes back.
fn usual(model: &'static str, number: usize) -> impl FnMut(&Caller) + Send {
    let mut sent = number;
    move |caller| {
        sent += 1;
        drop(caller.try_post(&ask(model, !sent.is_multiple_of(4)), ""));
        thread::sleep(THINKING);
    }
}

fn in_turn(kinds: &'static [Odd], pause: Duration) -> impl FnMut(&Caller) + Send {
    let mut turn = kinds.iter().cycle();
    move |caller| {
        // A request that found no gateway is not sent again: its turn comes.
        let _sent: Option<()> = turn.next().and_then(|send| send(caller));
        thread::sleep(pause);
    }
}

/// Asks for more than the sockets between here and the gateway hold, and rests before it reads.
fn read_slowly(caller: &Caller) {
    let body = ask(MODELS[2], true).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\n\
         content-type: application/json\r\nx-sim: ttft=30ms,tokens=30000,token-interval=0ms\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        caller.authority(),
        caller.bearer(),
        body.len(),
    );
    let exchange = || {
        let mut stream = TcpStream::connect(caller.authority())?;
        stream.write_all(format!("{head}{body}").as_bytes())?;
        thread::sleep(REST);
        stream.read_to_end(&mut Vec::new())
    };
    drop(exchange());
    thread::sleep(REST);
}

fn ask(model: &str, is_stream: bool) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "user", "content": "say a word"}],
        "stream": is_stream,
    })
}

fn provider(caller: &Caller, model: &str, sim: &str) -> Option<()> {
    sent(caller.try_post(&ask(model, true), sim))
}

fn leave(caller: &Caller, model: &'static str) -> Option<()> {
    let sim = "ttft=100ms,tokens=500,token-interval=20ms";
    sent(caller.try_chat_and_leave(&Chat::streamed(model, sim), 30))
}

fn sent<T, E>(result: Result<T, E>) -> Option<()> {
    result.ok().map(drop)
}
