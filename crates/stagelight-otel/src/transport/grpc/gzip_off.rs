//! No compression, because the feature `gzip` is off. Settings that ask for it were refused before.

use tonic::client::Grpc;

/// Leaves everything as it is.
pub(super) fn enable<T>(grpc: Grpc<T>) -> Grpc<T> {
    grpc
}
