//! A word that stands for a secret.

/// The corpus has it in place of every secret; no text for people may contain it.
pub(crate) const SECRET: &str = "c4n4ry";

/// Checks that a text for people does not contain the secret.
#[track_caller]
pub(crate) fn check_absent(text: &str) {
    assert!(!text.contains(SECRET), "a secret is shown: {text}");
}
