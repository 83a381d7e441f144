//! OTLP over gRPC.
//!
//! tonic does the framing on top of the same HTTP client as the other protocol. tonic's own channel
//! would add a second client, and load balancing, which a single address does not need.

mod retry_info;

use std::{error::Error as _, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use http::{Uri, uri::PathAndQuery};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::Instant;
#[cfg(feature = "gzip")]
use tonic::codec::CompressionEncoding;
use tonic::{
    Code, Request, Status,
    body::Body,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

use crate::{
    config::Compression,
    delivery::{DeliveryError, sanitize},
    start_error::StartError,
    transport::{
        ResponseFuture, Transport, TransportConfig,
        client::{Connector, MAX_RESPONSE_BYTES, connection_error, connector},
        origin_of,
    },
};

/// Interval and timeout of HTTP/2 pings: detects a dead collector within twice this time, instead
/// of the kernel's quarter of an hour.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Maximum length of a response. No server uses this limit, so the message of a local rejection
/// differs from that of a server.
const MAX_MESSAGE_BYTES: usize = MAX_RESPONSE_BYTES + 1;

/// Sends OTLP over gRPC.
#[derive(Debug)]
pub(super) struct GrpcTransport {
    grpc: Grpc<Client<Connector, Body>>,
    uri: Uri,
    path: PathAndQuery,
    metadata: MetadataMap,
}

/// A codec for messages that are already encoded.
#[derive(Clone, Copy, Debug)]
struct RawCodec;

/// Splits a method's address into origin and path, which tonic takes separately.
fn split(uri: Uri) -> (Uri, PathAndQuery) {
    let mut parts = uri.into_parts();
    let path = parts.path_and_query.replace(PathAndQuery::from_static("/"));
    let origin = Uri::from_parts(parts).unwrap_or_default();
    (origin, path.unwrap_or(PathAndQuery::from_static("/")))
}

#[cfg(feature = "gzip")]
fn enable_gzip<T>(grpc: Grpc<T>) -> Grpc<T> {
    // A server in Go answers in the encoding of the request, whether or not that is acceptable.
    grpc.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip)
}

/// Does nothing: settings with gzip were rejected before.
#[cfg(not(feature = "gzip"))]
fn enable_gzip<T>(grpc: Grpc<T>) -> Grpc<T> {
    grpc
}

/// Returns whether tonic has refused to read a response above the limit.
fn is_long_response(status: &Status) -> bool {
    let limit = format!("the limit is: {MAX_MESSAGE_BYTES} bytes");
    status.code() == Code::OutOfRange && status.message().ends_with(&limit)
}

// === impl GrpcTransport ===

impl GrpcTransport {
    pub(super) fn new(config: TransportConfig<'_>) -> Result<Self, StartError> {
        let TransportConfig { uri, headers, compression, tls } = config;
        let mut client = Client::builder(TokioExecutor::new());
        client.http2_only(true).timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        client.http2_keep_alive_interval(KEEP_ALIVE).http2_keep_alive_timeout(KEEP_ALIVE);
        let client = client.build(connector(tls, true)?);
        let (origin, path) = split(uri.clone());
        let grpc = Grpc::with_origin(client, origin);
        let grpc = grpc.max_decoding_message_size(MAX_MESSAGE_BYTES);
        let grpc = match compression {
            Compression::None => grpc,
            Compression::Gzip => enable_gzip(grpc),
        };
        Ok(Self { grpc, uri, path, metadata: MetadataMap::from_headers(headers) })
    }

    async fn call(&self, body: Bytes) -> Result<Bytes, DeliveryError> {
        let mut request = Request::new(body);
        request.metadata_mut().clone_from(&self.metadata);
        // Clones share their connections.
        let mut grpc = self.grpc.clone();
        let response = grpc.unary(request, self.path.clone(), RawCodec).await;
        match response {
            Ok(response) => Ok(response.into_inner()),
            // A message follows only if the request was accepted.
            Err(status) if is_long_response(&status) => Ok(Bytes::new()),
            Err(status) => Err(self.failed(&status)),
        }
    }

    fn failed(&self, status: &Status) -> DeliveryError {
        // Only a status created on this side has a source.
        if status.source().is_some() {
            return connection_error(&self.uri, status.clone());
        }
        // The specification's list. `ResourceExhausted` is retryable without `RetryInfo` as well:
        // it may mean overload, and the queue of spans is bounded.
        let transient = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::ResourceExhausted,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ];
        DeliveryError::Refused {
            endpoint: origin_of(&self.uri),
            status: format!("{:?}", status.code()),
            message: sanitize(status.message()),
            transient: transient.contains(&status.code()),
            retry_after: retry_info::delay(status.details()),
        }
    }
}

impl Transport for GrpcTransport {
    fn send(&self, body: Bytes, _deadline: Instant) -> ResponseFuture<'_> {
        Box::pin(self.call(body))
    }
}

// === impl RawCodec ===

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_above_a_servers_limit_is_not_a_long_response() {
        for limit in [1 << 20, 4 << 20] {
            let message = format!("decoded message length too large: the limit is: {limit} bytes");
            assert!(!is_long_response(&Status::out_of_range(message)));
        }
    }
}
