//! Random requests from a seed, valid and hostile.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The key that the gateway accepts.
pub(crate) const KEY: &str = "soak-secret-key";

/// Parts of clients' keys, paths, request ids, unknown models and baggage. None may be on the
/// metrics page.
pub(crate) const FORBIDDEN: [&str; 6] =
    ["soak-secret", "rawpath", "reqid", "nomodel", "bagvalue", "statevalue"];

const MESSAGE: &str = r#"{"role":"user","content":"say a word"}"#;

/// The longest request id sent.
const LONGEST_ID: usize = 64 * 1024;
/// The longest request id that a service accepts.
const LONGEST_ACCEPTED: usize = 128;

/// Invalid `traceparent`s.
const INVALID_TRACEPARENTS: [&[u8]; 16] = [
    b"",
    b"-",
    b"00",
    b"00-",
    b"00-00000000000000000000000000000000-0000000000000000-00",
    b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
    b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
    b"00-\xf0\x9f\x92\xa9f7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"000-af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
];

/// Counters shared by all workers, for distinct names.
#[derive(Debug, Default)]
pub(crate) struct Serials {
    pub(crate) paths: AtomicU64,
    pub(crate) models: AtomicU64,
    pub(crate) unknown_models: AtomicU64,
    pub(crate) jobs: AtomicU64,
}

/// A worker's source of requests.
#[derive(Debug)]
pub(crate) struct RequestGenerator {
    pub(crate) rng: StdRng,
    pub(crate) serials: Arc<Serials>,
}

/// A request as bytes.
#[derive(Debug)]
pub(crate) struct RawRequest {
    pub(crate) bytes: Vec<u8>,
    /// The request id that the service must return; `None` for a new one.
    pub(crate) id: Option<String>,
}

// === impl RawRequest ===

impl RawRequest {
    /// Returns the head, including the empty line, and the body.
    pub(crate) fn split(&self) -> (&[u8], &[u8]) {
        let end = self.bytes.windows(4).position(|it| it == b"\r\n\r\n");
        self.bytes.split_at(end.map_or(self.bytes.len(), |it| it + 4))
    }
}

// === impl RequestGenerator ===

impl RequestGenerator {
    pub(crate) fn new(seed: u64, worker: u64, serials: &Arc<Serials>) -> Self {
        // The golden ratio's bits give neighbouring workers distant states.
        let state = seed ^ worker.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { rng: StdRng::seed_from_u64(state), serials: Arc::clone(serials) }
    }

    /// Returns the next number of a shared counter.
    pub(crate) fn next(&self, which: fn(&Serials) -> &AtomicU64) -> u64 {
        which(&self.serials).fetch_add(1, Relaxed)
    }

    /// Returns a request with this line, these header lines and this body. Some get a valid or
    /// invalid request id, trace context or baggage.
    pub(crate) fn request(&mut self, line: &str, headers: &[&str], body: &[u8]) -> RawRequest {
        let mut bytes = format!("{line} HTTP/1.1\r\nhost: soak\r\n").into_bytes();
        for header in headers {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let id = self.request_id(&mut bytes);
        self.trace(&mut bytes);
        if !body.is_empty() {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        RawRequest { bytes, id }
    }

    /// Returns a request for a completion; `shape` sets the simulated response.
    pub(crate) fn completion(&mut self, model: &str, is_stream: bool, shape: &str) -> RawRequest {
        let body = format!(r#"{{"model":"{model}","stream":{is_stream},"messages":[{MESSAGE}]}}"#);
        let key = format!("authorization: Bearer {KEY}");
        let shape = format!("x-sim: {shape}");
        let headers = [key.as_str(), "content-type: application/json", &shape];
        self.request("POST /v1/chat/completions", &headers, body.as_bytes())
    }

    /// Returns a request for a completion that expects `100 Continue`.
    pub(crate) fn completion_with_continue(&mut self, model: &str, shape: &str) -> RawRequest {
        let mut request = self.completion(model, true, shape);
        let line_end = request.bytes.iter().position(|&it| it == b'\n').unwrap_or_default() + 1;
        request.bytes.splice(line_end..line_end, *b"expect: 100-continue\r\n");
        request
    }

    /// Adds a request id to one request in four; returns it if the service accepts it.
    fn request_id(&mut self, bytes: &mut Vec<u8>) -> Option<String> {
        if !self.rng.random_ratio(1, 4) {
            return None;
        }
        // Most are short; one in two hundred has up to the maximum length.
        let longest = if self.rng.random_ratio(1, 200) { LONGEST_ID } else { 200 };
        let length = self.rng.random_range(8..=longest);
        let is_clean = self.rng.random_ratio(2, 3);
        let allowed: &[u8] = if is_clean { b"abc019-_.:/+=@" } else { b"abc019 \"{}\\\xc3\xa9<>'" };
        let mut id = b"reqid".to_vec();
        id.extend((5..length).map(|_| allowed[self.rng.random_range(0..allowed.len())]));
        bytes.extend_from_slice(b"x-request-id: ");
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(b"\r\n");
        // Header values have no trailing white space.
        let id = String::from_utf8(id.trim_ascii_end().to_vec()).ok()?;
        let is_safe = |it: char| it.is_ascii_alphanumeric() || "-_.:/+=@".contains(it);
        (id.len() <= LONGEST_ACCEPTED && id.chars().all(is_safe)).then_some(id)
    }

    /// Adds a trace context to one request in two, most of them invalid.
    fn trace(&mut self, bytes: &mut Vec<u8>) {
        if self.rng.random() {
            return;
        }
        bytes.extend_from_slice(b"traceparent: ");
        match self.rng.random_range(0..4) {
            0 => {
                let (trace, span): (u128, u64) = (self.rng.random(), self.rng.random());
                let flags = u8::from(self.rng.random_ratio(1, 50));
                let good = format!("00-{:032x}-{:016x}-{flags:02x}", trace | 1, span | 1);
                bytes.extend_from_slice(good.as_bytes());
            }
            1 => {
                let length = self.rng.random_range(0..4096);
                // All visible ASCII characters.
                bytes.extend((0..length).map(|_| self.rng.random_range(b' '..=b'~')));
            }
            _ => {
                let at = self.rng.random_range(0..INVALID_TRACEPARENTS.len());
                bytes.extend_from_slice(INVALID_TRACEPARENTS[at]);
            }
        }
        bytes.extend_from_slice(b"\r\n");
        if self.rng.random() {
            let (members, number) = (self.rng.random_range(0..64), self.rng.random::<u32>());
            let list = |name: &str, value: &str| {
                (0..members).map(|it| format!("{name}{it}={value}{number}")).collect::<Vec<_>>()
            };
            let state = list("vendor", "statevalue").join(",");
            let baggage = list("user ", "bagvalue;=,%zz").join(",");
            bytes.extend_from_slice(format!("tracestate: {state}\r\n").as_bytes());
            bytes.extend_from_slice(format!("baggage: {baggage}\r\n").as_bytes());
        }
    }
}
