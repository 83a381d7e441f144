//! Sends requests and observes the responses.

use std::{net::SocketAddr, time::Duration};

use rand::{RngExt, rngs::StdRng};
use tokio::time::{sleep, timeout};

use crate::{
    requests::RawRequest,
    shape::{ClientBehavior, Observation, RequestKind},
    wire::{Connection, Head},
};

/// Timeout of a request, longer than any request that works.
const TIMEOUT: Duration = Duration::from_secs(60);
/// When clients cancel before the response head, in milliseconds. The head would arrive at the
/// service's timeout.
const CANCEL_AFTER: std::ops::Range<u64> = 0..40;
/// The status with which a server requests the body.
const CONTINUE: u16 = 100;
/// How long a client that stops reading stays connected.
const STALL: Duration = Duration::from_millis(300);
/// A slow reader's pause before each read.
const PAUSE: Duration = Duration::from_millis(5);

/// A client, with its connection if it can be reused.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<Connection>,
}

/// An observation that no client should make.
#[derive(Debug)]
pub(crate) struct Unexpected(pub(crate) String);

type RunResult = Result<Observation, Unexpected>;

// === impl Client ===

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a request and handles the response as its kind requires.
    pub(crate) async fn exchange(
        &mut self,
        shape: &RequestKind,
        request: &RawRequest,
        rng: &mut StdRng,
    ) -> RunResult {
        let seen = timeout(TIMEOUT, self.exchange_at_length(shape.behavior, request, rng)).await;
        seen.unwrap_or_else(|_| Err(Unexpected(format!("no end within {TIMEOUT:?}"))))
    }

    /// Pipelines several requests and reads the responses in turn.
    pub(crate) async fn exchange_many(&mut self, requests: &[RawRequest]) -> Vec<RunResult> {
        let bytes = requests.iter().flat_map(|it| &it.bytes).copied().collect::<Vec<_>>();
        let mut seen = Vec::with_capacity(requests.len());
        let all = async {
            let mut connection = self.connection(ClientBehavior::Reads).await?;
            connection.send(&bytes).await.map_err(|it| unexpected(&it))?;
            for request in requests {
                seen.push(read(&mut connection, request).await.map(|(observation, _)| observation));
            }
            self.connection = Some(connection);
            Ok(())
        };
        let ended = timeout(TIMEOUT, all).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(it)) => seen.push(Err(it)),
            Err(_) => seen.push(Err(Unexpected(format!("no end within {TIMEOUT:?}")))),
        }
        seen
    }

    async fn exchange_at_length(
        &mut self,
        behavior: ClientBehavior,
        request: &RawRequest,
        rng: &mut StdRng,
    ) -> RunResult {
        let mut connection = self.connection(behavior).await?;
        if behavior == ClientBehavior::CancelsBeforeHead {
            return leave_before_head(connection, request, rng).await;
        }
        // A server may respond and close before it has read the whole request, so an error here is
        // not a failure yet.
        let sent = connection.send(&request.bytes).await;
        match behavior {
            ClientBehavior::Reads | ClientBehavior::ReadsSlowly | ClientBehavior::StopsSending => {
                let (observation, can_go_on) = read(&mut connection, request).await?;
                if can_go_on && sent.is_ok() && behavior == ClientBehavior::Reads {
                    self.connection = Some(connection);
                }
                Ok(observation)
            }
            ClientBehavior::CancelsBeforeHead | ClientBehavior::CancelsAtOnce => {
                Ok(Observation::CancelledEarly)
            }
            ClientBehavior::CancelsInBody => leave_mid_body(connection, request, rng).await,
            ClientBehavior::StopsReading => stop_reading(connection).await,
        }
    }

    async fn connection(&mut self, behavior: ClientBehavior) -> Result<Connection, Unexpected> {
        let is_slow =
            matches!(behavior, ClientBehavior::ReadsSlowly | ClientBehavior::StopsReading);
        match self.connection.take().filter(|_| !is_slow) {
            Some(it) => Ok(it),
            None if is_slow => {
                Connection::open_slow(self.address, PAUSE).await.map_err(|it| unexpected(&it))
            }
            None => Connection::open(self.address).await.map_err(|it| unexpected(&it)),
        }
    }
}

/// Reads a response; also returns whether the connection can be reused.
async fn read(
    connection: &mut Connection,
    request: &RawRequest,
) -> Result<(Observation, bool), Unexpected> {
    match connection.head().await {
        Some(head) => rest(connection, &head, request).await,
        None => Ok((Observation::NoResponse, false)),
    }
}

/// Reads the rest of a response.
async fn rest(
    connection: &mut Connection,
    head: &Head,
    request: &RawRequest,
) -> Result<(Observation, bool), Unexpected> {
    let is_whole = connection.body(head).await.is_some();
    let Some(id) = &head.request_id else { return Ok((Observation::Rejected(head.status), false)) };
    check_id(id, request)?;
    let observation = if is_whole {
        Observation::Complete(head.status)
    } else {
        Observation::Truncated(head.status)
    };
    Ok((observation, is_whole && !head.is_last))
}

/// Cancels after the service has started the request. A server that gets request and disconnect at
/// once may not start it.
async fn leave_before_head(
    mut connection: Connection,
    request: &RawRequest,
    rng: &mut StdRng,
) -> RunResult {
    let (head, body) = request.split();
    connection.send(head).await.map_err(|it| unexpected(&it))?;
    match connection.head().await {
        Some(head) if head.status == CONTINUE => {}
        Some(head) => return rest(&mut connection, &head, request).await.map(|it| it.0),
        None => return Ok(Observation::NoResponse),
    }
    connection.send(body).await.map_err(|it| unexpected(&it))?;
    let delay = Duration::from_millis(rng.random_range(CANCEL_AFTER));
    if let Ok(head) = timeout(delay, connection.head()).await {
        let Some(head) = head else { return Ok(Observation::NoResponse) };
        return rest(&mut connection, &head, request).await.map(|it| it.0);
    }
    if rng.random() {
        // Reads once more, in case the response was already sent.
        connection.close_writing().await;
        if let Some(head) = connection.head().await {
            return rest(&mut connection, &head, request).await.map(|it| it.0);
        }
    }
    Ok(Observation::Cancelled)
}

async fn leave_mid_body(
    mut connection: Connection,
    request: &RawRequest,
    rng: &mut StdRng,
) -> RunResult {
    let Some(head) = connection.head().await else { return Ok(Observation::NoResponse) };
    for _ in 0..rng.random_range(1..4) {
        if connection.first_of_body().await.is_none() {
            return Ok(Observation::Truncated(head.status));
        }
    }
    if rng.random() {
        connection.close_writing().await;
        let (observation, _) = rest(&mut connection, &head, request).await?;
        return Ok(if observation == Observation::Truncated(head.status) {
            Observation::Cancelled
        } else {
            observation
        });
    }
    Ok(Observation::Cancelled)
}

async fn stop_reading(mut connection: Connection) -> RunResult {
    if connection.head().await.is_none() {
        return Ok(Observation::NoResponse);
    }
    sleep(STALL).await;
    Ok(Observation::Cancelled)
}

/// Checks that the service returns a valid id, or a new one in place of an invalid one.
fn check_id(id: &str, request: &RawRequest) -> Result<(), Unexpected> {
    let is_new = id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit());
    match &request.id {
        Some(expected) if expected == id => Ok(()),
        None if is_new => Ok(()),
        expected => Err(Unexpected(format!("request id {id:?} came back for {expected:?}"))),
    }
}

fn unexpected(error: &std::io::Error) -> Unexpected {
    Unexpected(error.to_string())
}
