//! Compression, by the feature `gzip`.

use tonic::{client::Grpc, codec::CompressionEncoding};

/// Has tonic compress each message.
pub(super) fn enable<T>(grpc: Grpc<T>) -> Grpc<T> {
    // A server in Go answers in the encoding that it was asked in, whether it is told to be acceptable or not.
    grpc.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip)
}
