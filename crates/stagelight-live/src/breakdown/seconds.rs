//! Whole nanoseconds inside, seconds in the document.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use stagelight_core::Nanos;

pub(super) fn serialize<S: Serializer>(nanos: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
    nanos.as_secs_f64().serialize(serializer)
}

/// Takes the nearest nanosecond, so that what was written reads back as it was up to 2^53 ns.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if !(0.0..1e10).contains(&seconds) {
        return Err(D::Error::custom(format_args!(
            "{seconds} is not a length of time from 0 to 10000000000 seconds"
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: positive, and below 2^64"
    )]
    let nanos = (seconds * 1e9).round() as u64;
    Ok(Nanos::new(nanos))
}
