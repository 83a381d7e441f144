//! Slow readers over real sockets, and how much of them socket buffers hide.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use stagelight_core::{
    Outcome,
    catalog::{self, StreamFamily},
};
use stagelight_http::HttpLayer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::sleep,
};
use tracing::Instrument as _;

use crate::support::Fixture;

/// The pause of a reader.
const REST: Duration = Duration::from_millis(300);
/// A small socket buffer, in bytes. Linux doubles it.
const SMALL: u32 = 8 * 1024;

/// The waits of a stream.
struct Waits {
    upstream: Duration,
    client: Duration,
}

/// Returns the sum of the waits of all streams of a family.
fn waits<F: StreamFamily>(fixture: &Fixture, family: &'static F) -> Waits {
    let wait = |metric| {
        let series = fixture.series(family);
        let nanos = series.iter().map(|it| it.histogram(metric).unwrap().recorded_sum());
        Duration::from_nanos(nanos.sum())
    };
    Waits { upstream: wait(F::WAIT_UPSTREAM), client: wait(F::WAIT_CLIENT) }
}

/// Serves streams on sockets with this send buffer, or the default.
async fn serve(
    fixture: &Fixture,
    send_buffer: Option<u32>,
    body: impl Fn() -> Body + Clone + Send + Sync + 'static,
) -> SocketAddr {
    let router = Router::new().route("/", get(move || std::future::ready(body())));
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(size) = send_buffer {
        socket.set_send_buffer_size(size).unwrap();
    }
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(16).unwrap();
    let address = listener.local_addr().unwrap();
    let app = router.layer(HttpLayer::new(&fixture.engine));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// Requests the stream with this receive buffer, or the default. Reads nothing.
async fn request(address: SocketAddr, receive_buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size).unwrap();
    }
    let mut socket = socket.connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    socket.write_all(request).await.unwrap();
    socket
}

async fn read_to_end(mut socket: TcpStream) {
    let mut response = Vec::new();
    socket.read_to_end(&mut response).await.unwrap();
    assert!(response.ends_with(b"0\r\n\r\n"), "the stream is complete");
}

/// Chunks that are ready at once.
fn ready(chunk: &'static [u8], count: usize) -> Body {
    let chunks = stream::iter(0..count);
    let chunks = chunks.map(move |_| Ok::<_, Infallible>(Bytes::from_static(chunk)));
    Body::from_stream(chunks)
}

/// A chunk every 20 ms.
fn slow(count: usize) -> Body {
    Body::from_stream(stream::iter(0..count).then(|_| async {
        sleep(Duration::from_millis(20)).await;
        Ok::<_, Infallible>(Bytes::from_static(b"data"))
    }))
}

#[tokio::test]
async fn a_pausing_reader_is_a_client_wait_with_small_buffers() {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, Some(SMALL), || ready(&[b'x'; 16 * 1024], 256)).await;
    let socket = request(address, Some(SMALL)).await;
    sleep(REST).await;
    read_to_end(socket).await;
    fixture.ended(1).await;

    let Waits { upstream, client } = waits(&fixture, &catalog::STREAM_RESPONSE);
    assert!(REST * 9 / 10 <= client, "{client:?}");
    assert!(upstream < client / 2, "upstream {upstream:?}, client {client:?}");
}

#[tokio::test]
async fn a_slow_upstream_is_not_a_client_wait() {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, None, || slow(10)).await;
    read_to_end(request(address, None).await).await;
    fixture.ended(1).await;

    let Waits { upstream, client } = waits(&fixture, &catalog::STREAM_RESPONSE);
    assert!(Duration::from_millis(200) <= upstream, "{upstream:?}");
    assert!(client < upstream / 2, "upstream {upstream:?}, client {client:?}");
}

#[tokio::test]
async fn upstream_and_client_waits_are_separate() {
    let fixture = Fixture::in_real_time();
    let body = || {
        let (first, then) = (slow(10), ready(&[b'x'; 16 * 1024], 256));
        Body::from_stream(first.into_data_stream().chain(then.into_data_stream()))
    };
    let address = serve(&fixture, Some(SMALL), body).await;
    let socket = request(address, Some(SMALL)).await;
    sleep(Duration::from_millis(200) + REST).await;
    read_to_end(socket).await;
    fixture.ended(1).await;

    let Waits { upstream, client } = waits(&fixture, &catalog::STREAM_RESPONSE);
    assert!(Duration::from_millis(200) <= upstream, "{upstream:?}");
    // The ten sleeps may take longer, which shortens the client wait.
    let rest = Duration::from_millis(500).saturating_sub(upstream);
    assert!(rest * 8 / 10 <= client, "upstream {upstream:?}, client {client:?}");
}

#[tokio::test]
async fn a_stream_that_fits_the_buffers_hides_a_slow_reader() {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, None, || ready(&[b'x'; 256], 256)).await;
    let socket = request(address, None).await;
    fixture.ended(1).await;
    let Waits { client, .. } = waits(&fixture, &catalog::STREAM_RESPONSE);
    sleep(REST).await;
    read_to_end(socket).await;
    assert!(client < REST / 2, "it ended before it was read, after {client:?}");
}

#[tokio::test]
async fn a_pausing_reader_of_a_backend_is_a_client_wait() {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, None, || slow(5)).await;
    let backend = fixture.backend();
    let mut request = fixture.engine.start_request("/x");
    let span = request.link(|| tracing::info_span!("http.request", stagelight.endpoint = "/x"));
    let reads = async {
        let asked = reqwest::Client::new().get(format!("http://{address}/"));
        let mut response = backend.send(asked).await.unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        sleep(REST).await;
        while response.chunk().await.unwrap().is_some() {}
    };
    reads.instrument(span).await;
    request.end(Outcome::Ok);

    let Waits { upstream, client } = waits(&fixture, &catalog::STREAM_BACKEND);
    assert!(REST <= client, "{client:?}");
    assert!(Duration::from_millis(15) <= upstream, "{upstream:?}");
    assert!(upstream < client, "upstream {upstream:?}, client {client:?}");
}

/// Reads a stream of 8 MiB steadily, 64 KiB every 10 ms.
///
/// Returns the time this took and the measured client wait.
async fn read_steadily(
    send_buffer: Option<u32>,
    receive_buffer: Option<u32>,
) -> (Duration, Duration) {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, send_buffer, || ready(&[b'x'; 16 * 1024], 512)).await;
    let began = fixture.engine.clock().now();
    let mut socket = request(address, receive_buffer).await;
    let mut read = vec![0; 64 * 1024];
    let mut length = 1;
    while 0 < length {
        sleep(Duration::from_millis(10)).await;
        length = 0;
        while length < read.len() {
            let more = socket.read(&mut read[length..]).await.unwrap();
            if more == 0 {
                break;
            }
            length += more;
        }
    }
    let took = fixture.engine.clock().since(began).into();
    fixture.ended(1).await;
    (took, waits(&fixture, &catalog::STREAM_RESPONSE).client)
}

#[tokio::test]
async fn buffers_hide_part_of_a_steady_slow_reader() {
    let (took, seen) = read_steadily(None, None).await;
    let hidden_by_default = took.saturating_sub(seen);
    println!("default buffers: read in {took:?}, client wait {seen:?}");
    let (took, seen) = read_steadily(Some(SMALL), Some(SMALL)).await;
    println!("small buffers: read in {took:?}, client wait {seen:?}");
    assert!(took * 3 / 4 < seen && seen < took, "{seen:?} of {took:?}");
    assert!(took.saturating_sub(seen) < hidden_by_default, "{hidden_by_default:?} by default");
}

/// Returns the bytes handed over to a reader that reads nothing, until polling stops.
async fn hidden(
    chunk: &'static [u8],
    send_buffer: Option<u32>,
    receive_buffer: Option<u32>,
) -> u64 {
    let fixture = Fixture::in_real_time();
    let handed_over = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&handed_over);
    let body = move || {
        let counter = Arc::clone(&counter);
        Body::from_stream(stream::repeat_with(move || {
            counter.fetch_add(chunk.len() as u64, Relaxed);
            Ok::<_, Infallible>(Bytes::from_static(chunk))
        }))
    };
    let address = serve(&fixture, send_buffer, body).await;
    let _unread = request(address, receive_buffer).await;
    let mut before = 0;
    loop {
        sleep(REST).await;
        let now = handed_over.load(Relaxed);
        if 0 < now && now == before {
            return now;
        }
        before = now;
    }
}

/// Prints the table of the crate docs, with `--nocapture`.
#[tokio::test]
async fn small_buffers_hide_less_of_a_slow_reader() {
    println!("chunks of | default buffers | small send buffer | both small");
    for (name, chunk) in [("256 B", &[b'x'; 256][..]), ("16 KiB", &[b'x'; 16 * 1024])] {
        let system = hidden(chunk, None, None).await;
        let small = hidden(chunk, Some(SMALL), None).await;
        let both = hidden(chunk, Some(SMALL), Some(SMALL)).await;
        println!("{name} | {system} | {small} | {both}");
        assert!(both < small && small < system, "{both}, {small}, {system} bytes");
    }
}
