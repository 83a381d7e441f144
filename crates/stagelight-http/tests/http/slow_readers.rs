//! Who held a stream up, over real sockets: what send buffers show of a slow reader, and what they hide.

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
    catalog::{self, Family},
};
use stagelight_http::HttpLayer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::sleep,
};
use tracing::Instrument as _;

use crate::support::Fixture;

/// How long a reader rests before it reads on.
const REST: Duration = Duration::from_millis(300);
/// The smallest socket buffers that one would ask for; Linux takes twice as much.
const SMALL: u32 = 8 * 1024;

/// What a stream waited for.
struct Waits {
    upstream: Duration,
    client: Duration,
}

/// Returns what the streams of a family waited for in all.
fn waits(fixture: &Fixture, family: &'static Family) -> Waits {
    let wait = |position| {
        let series = fixture.series(family);
        let nanos = series.iter().map(|it| it.histogram(position).unwrap().recorded_sum());
        Duration::from_nanos(nanos.sum())
    };
    Waits {
        upstream: wait(catalog::STREAM_WAIT_UPSTREAM),
        client: wait(catalog::STREAM_WAIT_CLIENT),
    }
}

/// Serves streams on sockets with a send buffer of this size, or the system's.
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

/// Asks for the stream, with a receive buffer of this size or the system's, and reads nothing yet.
async fn ask(address: SocketAddr, receive_buffer: Option<u32>) -> TcpStream {
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
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"0\r\n\r\n"), "the stream is whole");
}

/// Chunks that are all ready at once.
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
async fn a_reader_that_rests_is_seen_behind_small_buffers() {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, Some(SMALL), || ready(&[b'x'; 16 * 1024], 256)).await;
    let socket = ask(address, Some(SMALL)).await;
    sleep(REST).await;
    read_to_end(socket).await;
    fixture.ended(1).await;

    let Waits { upstream, client } = waits(&fixture, &catalog::STREAM_RESPONSE);
    assert!(REST * 9 / 10 <= client, "{client:?}");
    assert!(upstream < client / 2, "upstream {upstream:?}, client {client:?}");
}

#[tokio::test]
async fn a_reader_is_not_blamed_for_a_slow_upstream() {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, None, || slow(10)).await;
    read_to_end(ask(address, None).await).await;
    fixture.ended(1).await;

    let Waits { upstream, client } = waits(&fixture, &catalog::STREAM_RESPONSE);
    assert!(Duration::from_millis(200) <= upstream, "{upstream:?}");
    assert!(client < upstream / 2, "upstream {upstream:?}, client {client:?}");
}

#[tokio::test]
async fn both_are_told_apart_over_one_socket() {
    let fixture = Fixture::in_real_time();
    let body = || {
        let (first, then) = (slow(10), ready(&[b'x'; 16 * 1024], 256));
        Body::from_stream(first.into_data_stream().chain(then.into_data_stream()))
    };
    let address = serve(&fixture, Some(SMALL), body).await;
    let socket = ask(address, Some(SMALL)).await;
    sleep(Duration::from_millis(200) + REST).await;
    read_to_end(socket).await;
    fixture.ended(1).await;

    let Waits { upstream, client } = waits(&fixture, &catalog::STREAM_RESPONSE);
    assert!(Duration::from_millis(200) <= upstream, "{upstream:?}");
    // The ten sleeps may take longer than they were asked to, and the reader's rest is shorter by as much.
    let rest = Duration::from_millis(500).saturating_sub(upstream);
    assert!(rest * 8 / 10 <= client, "upstream {upstream:?}, client {client:?}");
}

#[tokio::test]
async fn a_stream_that_fits_the_buffers_hides_its_reader() {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, None, || ready(&[b'x'; 256], 256)).await;
    let socket = ask(address, None).await;
    fixture.ended(1).await;
    let Waits { client, .. } = waits(&fixture, &catalog::STREAM_RESPONSE);
    sleep(REST).await;
    read_to_end(socket).await;
    assert!(client < REST / 2, "it was over before anybody read it, after {client:?}");
}

#[tokio::test]
async fn a_reader_of_a_backend_that_rests_between_chunks_is_seen() {
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

/// Reads a stream of 8 MiB steadily, 64 KiB every 10 ms. Returns how long that took, and for how long it was seen to hold the stream up.
async fn read_steadily(
    send_buffer: Option<u32>,
    receive_buffer: Option<u32>,
) -> (Duration, Duration) {
    let fixture = Fixture::in_real_time();
    let address = serve(&fixture, send_buffer, || ready(&[b'x'; 16 * 1024], 512)).await;
    let began = fixture.engine.clock().now();
    let mut socket = ask(address, receive_buffer).await;
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
async fn a_steady_slow_reader_is_seen_but_for_what_buffers_hide() {
    let (took, seen) = read_steadily(None, None).await;
    let hidden_by_default = took.saturating_sub(seen);
    println!("default buffers: read in {took:?}, seen to hold it up for {seen:?}");
    let (took, seen) = read_steadily(Some(SMALL), Some(SMALL)).await;
    println!("small buffers: read in {took:?}, seen to hold it up for {seen:?}");
    assert!(took * 3 / 4 < seen && seen < took, "{seen:?} of {took:?}");
    assert!(took.saturating_sub(seen) < hidden_by_default, "{hidden_by_default:?} by default");
}

/// Returns how many bytes a stream hands over to a reader that reads nothing, until it is not asked for more.
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
    let _unread = ask(address, receive_buffer).await;
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

/// Prints the table that the crate's documentation has, with `--nocapture`.
#[tokio::test]
async fn small_buffers_hide_less_of_a_slow_reader() {
    println!("chunks of | the system's buffers | a small send buffer | both small");
    for (name, chunk) in [("256 B", &[b'x'; 256][..]), ("16 KiB", &[b'x'; 16 * 1024])] {
        let system = hidden(chunk, None, None).await;
        let small = hidden(chunk, Some(SMALL), None).await;
        let both = hidden(chunk, Some(SMALL), Some(SMALL)).await;
        println!("{name} | {system} | {small} | {both}");
        assert!(both < small && small < system, "{both}, {small}, {system} bytes");
    }
}
