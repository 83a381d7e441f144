//! The id that a caller, the logs and the answer share.

use std::{
    cell::Cell,
    fmt,
    hash::{BuildHasher, RandomState},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over from a caller, in bytes.
///
/// Twice what the longest usual one needs (a UUID has 36, an AWS trace header about 70).
const MAX_LENGTH: usize = 128;

/// The id of a request, found in its extensions and in the `x-request-id` header of its answer.
///
/// It is what the caller sent as `x-request-id` if that is 1 to 128 characters of
/// `A-Z a-z 0-9 - _ . : / + = @`, and 32 random hexadecimal digits otherwise. So it can be written
/// to a log, a JSON text or a header as it is. The request's own header is made to say the same.
///
/// # Cost
///
/// Cloning one counts a reference; a new id costs one allocation and no system call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

// === impl RequestId ===

impl RequestId {
    /// Takes the caller's id from the headers, or puts a new one there.
    pub(crate) fn establish(headers: &mut HeaderMap) -> Self {
        if let Some(given) = headers.get(HEADER)
            && is_safe(given.as_bytes())
        {
            return Self(given.clone());
        }
        let id = Self::random();
        id.write_to(headers);
        id
    }

    /// Sets the header, whatever it was.
    pub(crate) fn write_to(&self, headers: &mut HeaderMap) {
        headers.insert(HEADER, self.0.clone());
    }

    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    #[expect(clippy::expect_used, reason = "hexadecimal digits are a valid header value")]
    fn random() -> Self {
        let digits = Bytes::from_owner(hex(random_bits()));
        Self(HeaderValue::from_maybe_shared(digits).expect("digits are visible ASCII"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

/// Nothing that a log line, a shell or a JSON text would read as more than a character.
fn is_safe(id: &[u8]) -> bool {
    let is_safe = |it: &u8| it.is_ascii_alphanumeric() || b"-_.:/+=@".contains(it);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(is_safe)
}

/// Returns bits that no other call has returned, in this process or another, by all odds.
///
/// The standard library seeds its hasher from the operating system; hashing a counter with a secret
/// key is a random sequence, and needs no dependency and no lock.
fn random_bits() -> u128 {
    thread_local! {
        static KEY: RandomState = RandomState::new();
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }
    let count = COUNT.replace(COUNT.get().wrapping_add(1));
    let half = |which: u8| u128::from(KEY.with(|key| key.hash_one((count, which))));
    (half(0) << 64) | half(1)
}

fn hex(bits: u128) -> [u8; 32] {
    let mut rest = bits;
    std::array::from_fn(|_| {
        rest = rest.rotate_left(4);
        b"0123456789abcdef"[(rest & 0xf) as usize]
    })
}

#[cfg(test)]
mod tests;
