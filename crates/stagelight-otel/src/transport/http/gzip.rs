//! Compression, by the feature `gzip`.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// Compresses a body.
pub(super) fn compress(body: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}
