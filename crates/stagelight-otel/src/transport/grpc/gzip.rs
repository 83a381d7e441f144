//! Compression, by the feature `gzip`.

use tonic::{client::Grpc, codec::CompressionEncoding};

/// Has tonic compress each message.
pub(super) fn enable<T>(grpc: Grpc<T>) -> Grpc<T> {
    grpc.send_compressed(CompressionEncoding::Gzip)
}
