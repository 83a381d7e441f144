//! No compression, because the feature `gzip` is off. Settings that ask for it were refused before.

use std::io;

use bytes::Bytes;

/// Refuses.
pub(super) fn compress(_body: &[u8]) -> io::Result<Bytes> {
    Err(io::ErrorKind::Unsupported.into())
}
