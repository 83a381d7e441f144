//! API keys: kept as digests, compared in constant time, never shown.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A text that must not appear in a log: its `Debug` form hides it.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(String);

/// The keys that callers may use.
///
/// Only their SHA-256 digests are kept. [`ApiKeys::contains`] takes the same time whichever key
/// fits, or none.
#[derive(Clone, Default)]
pub struct ApiKeys {
    digests: Vec<[u8; 32]>,
}

// === impl Secret ===

impl Secret {
    /// Returns the text itself, to be sent but not to be shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

// === impl ApiKeys ===

impl ApiKeys {
    /// Adds a key; blank ones, as after a trailing comma, are left out.
    pub fn add(&mut self, key: &str) {
        let key = key.trim();
        if !key.is_empty() {
            self.digests.push(digest(key));
        }
    }

    /// Whether there is no key, so that every caller is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Whether `key` is one of the keys.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        let given = digest(key);
        let matches = self.digests.iter().map(|it| it.ct_eq(&given));
        matches.fold(Choice::from(0), |any, it| any | it).into()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({} of them)", self.digests.len())
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_given_are_contained() {
        let mut keys = ApiKeys::default();
        assert!(keys.is_empty() && !keys.contains(""));
        for key in ["alpha", " beta ", ""] {
            keys.add(key);
        }
        assert!(keys.contains("alpha") && keys.contains("beta"));
        for other in ["", "alph", "alphaa", "Alpha", " beta "] {
            assert!(!keys.contains(other), "{other:?}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let mut keys = ApiKeys::default();
        keys.add("alpha");
        assert_eq!(format!("{keys:?}"), "ApiKeys(1 of them)");
        assert_eq!(format!("{:?}", Secret::from("alpha".to_owned())), "Secret(..)");
    }
}
