//! The id shared by the caller, the logs and the response.

use std::{
    cell::Cell,
    fmt,
    hash::{BuildHasher, RandomState},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id accepted from a caller, in bytes.
///
/// Twice the length of the longest common id (a UUID has 36, an AWS trace header about 70).
const MAX_LENGTH: usize = 128;

/// The id of a request.
///
/// [`HttpLayer`](crate::HttpLayer) puts it into the request's extensions, and into the
/// `x-request-id` header of the request and the response. It is the caller's `x-request-id` if that
/// is 1 to 128 characters of `A-Z a-z 0-9 - _ . : / + = @`, and 32 random hexadecimal digits
/// otherwise. It needs no escaping in logs, JSON or headers.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Extension, Router, routing::get};
/// use stagelight_core::Engine;
/// use stagelight_http::{HttpLayer, RequestId};
///
/// async fn handler(Extension(id): Extension<RequestId>) -> String {
///     id.to_string()
/// }
///
/// let app: Router =
///     Router::new().route("/id", get(handler)).layer(HttpLayer::new(&Engine::new()));
/// # }
/// ```
///
/// # Cost
///
/// A clone increments a reference count. A new id takes one allocation and no system call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

// === impl RequestId ===

impl RequestId {
    /// Returns the caller's id if it is acceptable. Otherwise creates one and sets the header.
    pub(crate) fn from_headers(headers: &mut HeaderMap) -> Self {
        if let Some(given) = headers.get(HEADER)
            && is_safe(given.as_bytes())
        {
            return Self(given.clone());
        }
        let id = Self::random();
        id.write_to(headers);
        id
    }

    /// Sets the header, replacing any other value.
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

/// Returns `true` if no character has a special meaning in a log line, a shell or JSON.
fn is_safe(id: &[u8]) -> bool {
    let is_safe = |it: &u8| it.is_ascii_alphanumeric() || b"-_.:/+=@".contains(it);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(is_safe)
}

/// Returns random bits.
///
/// The standard library seeds its hasher from the operating system. Hashing a counter with that key
/// gives a random sequence without a dependency or a lock.
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
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[track_caller]
    fn check(given: &[u8], is_accepted: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(given).unwrap());
        let id = RequestId::from_headers(&mut headers);

        assert_eq!(id.as_str().as_bytes() == given, is_accepted, "{id}");
        assert_eq!(headers[HEADER], id.as_str());
        if !is_accepted {
            assert_eq!(id.as_str().len(), 32);
        }
    }

    #[test]
    fn a_safe_id_is_accepted() {
        check(b"0f8fad5b-d9cb-469f-a165-70867728950e", true);
        check(b"Root=1-67891233-abcdef012345678912345678", true);
        check(b"user@host:1/a_b.c+d", true);
        check(b"x", true);
        check(&[b'a'; 128], true);
    }

    #[test]
    fn a_bad_id_is_replaced() {
        check(b"", false);
        check(&[b'a'; 129], false);
        check(b"two words", false);
        check(b"\"quoted\"", false);
        check(b"a\tb", false);
        check(b"<script>", false);
        check("ünïcode".as_bytes(), false);
    }

    #[test]
    fn a_missing_id_is_created_and_set_on_the_request() {
        let mut headers = HeaderMap::new();
        let id = RequestId::from_headers(&mut headers);
        assert_eq!(headers[HEADER], id.as_str());
        assert!(id.as_str().bytes().all(|it| it.is_ascii_hexdigit() && !it.is_ascii_uppercase()));
    }

    #[test]
    fn new_ids_differ_between_calls_and_threads() {
        let make = || (0..1000).map(|_| random_bits()).collect::<Vec<_>>();
        let elsewhere = std::thread::spawn(make).join().unwrap();
        let all: HashSet<_> = make().into_iter().chain(elsewhere).collect();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn the_highest_digit_comes_first() {
        assert_eq!(
            &hex(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            b"0123456789abcdef0123456789abcdef"
        );
        assert_eq!(&hex(1), b"00000000000000000000000000000001");
    }
}
