//! A word that stands for a secret.

/// Wherever a secret may stand, this is put; nowhere else may it come out.
pub(crate) const CANARY: &str = "c4n4ry";

/// Checks that a text for people does not hold the secret.
#[track_caller]
pub(crate) fn check_not_in(text: &str) {
    assert!(!text.contains(CANARY), "a secret is shown: {text}");
}
