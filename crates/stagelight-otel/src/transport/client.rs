//! The connector and the errors of both protocols.

#[cfg(feature = "tls")]
mod tls;

use std::{error::Error, sync::Arc, time::Duration};

use http::Uri;
#[cfg(feature = "tls")]
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;

use crate::{
    config::TlsFiles, delivery::DeliveryError, start_error::StartError, transport::origin_of,
};

/// Maximum length of a response. A valid one has a few bytes, and a collector's message.
pub(super) const MAX_RESPONSE_BYTES: usize = 1 << 20;
/// Idle time before the kernel probes a connection.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Maximum time to connect, divided among the addresses of a name. Without it, an address that
/// does not answer takes the whole time of a delivery, and the next address is never tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// Connects with TLS to `https://` addresses, without to `http://`.
#[cfg(feature = "tls")]
pub(super) type Connector = HttpsConnector<HttpConnector>;

/// Connects without TLS; `https://` addresses were rejected before.
#[cfg(not(feature = "tls"))]
pub(super) type Connector = HttpConnector;

/// Creates the connector for HTTP/2 or HTTP/1.1.
#[cfg(feature = "tls")]
pub(super) fn connector(files: &TlsFiles, http2: bool) -> Result<Connector, StartError> {
    let mut tcp = tcp_connector();
    tcp.enforce_http(false);
    let builder = HttpsConnectorBuilder::new();
    let builder = builder.with_tls_config(tls::client_config(files)?).https_or_http();
    Ok(if http2 {
        builder.enable_http2().wrap_connector(tcp)
    } else {
        builder.enable_http1().wrap_connector(tcp)
    })
}

/// Creates the connector.
#[cfg(not(feature = "tls"))]
pub(super) fn connector(_files: &TlsFiles, _http2: bool) -> Result<Connector, StartError> {
    Ok(tcp_connector())
}

fn tcp_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(TCP_KEEP_ALIVE));
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

/// Returns the error for a failure on this side of the connection.
pub(super) fn connection_error(
    uri: &Uri,
    source: impl Error + Send + Sync + 'static,
) -> DeliveryError {
    DeliveryError::Connection { endpoint: origin_of(uri), source: Arc::new(source) }
}

#[cfg(all(test, feature = "otlp-http"))]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;
    use http_body_util::Empty;
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    use tokio::{
        net::{TcpSocket, TcpStream},
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn the_time_to_connect_is_limited() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        // The kernel ignores further connections while the backlog is full.
        let mut connections = Vec::new();
        let short = Duration::from_millis(200);
        while let Ok(connection) = timeout(short, TcpStream::connect(address)).await {
            connections.push(connection.unwrap());
        }
        let client = Client::builder(TokioExecutor::new());
        let client = client.build::<_, Empty<Bytes>>(tcp_connector());
        let uri = format!("http://{address}").parse().unwrap();
        let outcome = timeout(CONNECT_TIMEOUT * 2, client.get(uri)).await;
        outcome.expect("no longer than the limit").unwrap_err();
    }
}
