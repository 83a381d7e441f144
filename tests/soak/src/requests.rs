//! What requests are made of: drawn from a seed, and meant to do harm.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The key that the gateway lets in.
pub(crate) const KEY: &str = "soak-secret-key";

/// Parts of what clients send that must be on no metrics page: of the key, and of every path, id, model that the gateway does not have, and baggage.
pub(crate) const FORBIDDEN: [&str; 6] =
    ["soak-secret", "rawpath", "reqid", "nomodel", "bagvalue", "statevalue"];

/// The longest request id that is sent.
const LONGEST_ID: usize = 64 * 1024;
/// The longest that a service takes over.
const LONGEST_TAKEN: usize = 128;

/// `traceparent`s that are none, besides random ones.
const BAD_TRACEPARENTS: [&[u8]; 16] = [
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

/// What all workers number together, so that no two send the same.
#[derive(Debug, Default)]
pub(crate) struct Serials {
    pub(crate) paths: AtomicU64,
    pub(crate) models: AtomicU64,
    pub(crate) unknown_models: AtomicU64,
    pub(crate) jobs: AtomicU64,
}

/// One worker's source of requests.
#[derive(Debug)]
pub(crate) struct RequestGenerator {
    pub(crate) rng: StdRng,
    pub(crate) serials: Arc<Serials>,
}

/// A request, as bytes, and what its answer has to say.
#[derive(Debug)]
pub(crate) struct RawRequest {
    pub(crate) bytes: Vec<u8>,
    /// The request id that must come back; `None` if the service has to make one up.
    pub(crate) id: Option<String>,
}

// === impl RawRequest ===

impl RawRequest {
    /// Returns the head, with the empty line after it, and the body.
    pub(crate) fn split(&self) -> (&[u8], &[u8]) {
        let end = self.bytes.windows(4).position(|it| it == b"\r\n\r\n");
        self.bytes.split_at(end.map_or(self.bytes.len(), |it| it + 4))
    }
}

// === impl RequestGenerator ===

impl RequestGenerator {
    pub(crate) fn new(seed: u64, worker: u64, serials: &Arc<Serials>) -> Self {
        // The golden ratio's bits: neighbouring workers get far-apart states.
        let state = seed ^ worker.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { rng: StdRng::seed_from_u64(state), serials: Arc::clone(serials) }
    }

    /// Returns the next number of a series that all workers share.
    pub(crate) fn next(&self, which: fn(&Serials) -> &AtomicU64) -> u64 {
        which(&self.serials).fetch_add(1, Relaxed)
    }

    /// Makes a request of a line, header lines of its own, and a body. Some also get an id, a trace or baggage, good or bad.
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

    /// Makes a request for a completion, with a reply of this shape.
    pub(crate) fn completion(&mut self, model: &str, is_stream: bool, shape: &str) -> RawRequest {
        let body = format!(
            r#"{{"model":"{model}","stream":{is_stream},"messages":[{{"role":"user","content":"say a word"}}]}}"#
        );
        let key = format!("authorization: Bearer {KEY}");
        let shape = format!("x-sim: {shape}");
        let headers = [key.as_str(), "content-type: application/json", &shape];
        self.request("POST /v1/chat/completions", &headers, body.as_bytes())
    }

    /// Makes a request for a completion that waits for leave to send its body.
    pub(crate) fn completion_on_leave(&mut self, model: &str, shape: &str) -> RawRequest {
        let mut request = self.completion(model, true, shape);
        let line_end = request.bytes.iter().position(|&it| it == b'\n').unwrap_or_default() + 1;
        request.bytes.splice(line_end..line_end, *b"expect: 100-continue\r\n");
        request
    }

    /// Adds a request id to one request in four; returns it if it is one that the service takes over.
    fn request_id(&mut self, bytes: &mut Vec<u8>) -> Option<String> {
        if !self.rng.random_ratio(1, 4) {
            return None;
        }
        // Most are short; one in two hundred is as long as there are.
        let longest = if self.rng.random_ratio(1, 200) { LONGEST_ID } else { 200 };
        let length = self.rng.random_range(8..=longest);
        let is_clean = self.rng.random_ratio(2, 3);
        let allowed: &[u8] = if is_clean { b"abc019-_.:/+=@" } else { b"abc019 \"{}\\\xc3\xa9<>'" };
        let mut id = b"reqid".to_vec();
        id.extend((5..length).map(|_| allowed[self.rng.random_range(0..allowed.len())]));
        bytes.extend_from_slice(b"x-request-id: ");
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(b"\r\n");
        // White space at the end is no part of a header's value.
        let id = String::from_utf8(id.trim_ascii_end().to_vec()).ok()?;
        let is_safe = |it: char| it.is_ascii_alphanumeric() || "-_.:/+=@".contains(it);
        (id.len() <= LONGEST_TAKEN && id.chars().all(is_safe)).then_some(id)
    }

    /// Adds a caller's trace to one request in two, most of them broken.
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
                // Every byte that a header may have.
                bytes.extend((0..length).map(|_| self.rng.random_range(b' '..=b'~')));
            }
            _ => {
                let at = self.rng.random_range(0..BAD_TRACEPARENTS.len());
                bytes.extend_from_slice(BAD_TRACEPARENTS[at]);
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
