//! One request, from sending it to knowing what became of it.

use std::{net::SocketAddr, time::Duration};

use rand::{RngExt, rngs::StdRng};
use tokio::time::{sleep, timeout};

use crate::{
    draw::Ask,
    shape::{Manner, Shape, Sight},
    wire::{Connection, Head},
};

/// Longer than anything takes that works, in a busy machine too.
const STUCK: Duration = Duration::from_secs(60);
/// When a client that leaves before the head does so, in milliseconds; the head would come at the service's time limit.
const LEAVES_AFTER: std::ops::Range<u64> = 0..40;
/// The status by which a server asks for a request's body.
const CONTINUE: u16 = 100;
/// How long a client that stops reading stays.
const STAYS: Duration = Duration::from_millis(300);
/// How long a slow reader waits before each read.
const PAUSE: Duration = Duration::from_millis(5);

/// A client, with its connection while that can be used again.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<Connection>,
}

/// Something that no client should see.
#[derive(Debug)]
pub(crate) struct Surprise(pub(crate) String);

type Seen = Result<Sight, Surprise>;

// === impl Client ===

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a request of this shape and does with the answer what the shape says.
    pub(crate) async fn exchange(&mut self, shape: &Shape, ask: &Ask, rng: &mut StdRng) -> Seen {
        let seen = timeout(STUCK, self.exchange_at_length(shape.manner, ask, rng)).await;
        seen.unwrap_or_else(|_| Err(Surprise(format!("no end within {STUCK:?}"))))
    }

    /// Sends several requests at once, and reads the answers in turn.
    pub(crate) async fn exchange_many(&mut self, asks: &[Ask]) -> Vec<Seen> {
        let bytes = asks.iter().flat_map(|it| &it.bytes).copied().collect::<Vec<_>>();
        let mut seen = Vec::with_capacity(asks.len());
        let all = async {
            let mut connection = self.connection(Manner::Reads).await?;
            connection.send(&bytes).await.map_err(|it| surprise(&it))?;
            for ask in asks {
                seen.push(read(&mut connection, ask).await.map(|(sight, _)| sight));
            }
            self.connection = Some(connection);
            Ok(())
        };
        let ended = timeout(STUCK, all).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(it)) => seen.push(Err(it)),
            Err(_) => seen.push(Err(Surprise(format!("no end within {STUCK:?}")))),
        }
        seen
    }

    async fn exchange_at_length(&mut self, manner: Manner, ask: &Ask, rng: &mut StdRng) -> Seen {
        let mut connection = self.connection(manner).await?;
        if manner == Manner::LeavesBeforeHead {
            return leave_before_head(connection, ask, rng).await;
        }
        // A server may answer, and close, before all is sent. What it answered says what to make of that.
        let sent = connection.send(&ask.bytes).await;
        match manner {
            Manner::Reads | Manner::ReadsSlowly | Manner::StopsSending => {
                let (sight, can_go_on) = read(&mut connection, ask).await?;
                if can_go_on && sent.is_ok() && manner == Manner::Reads {
                    self.connection = Some(connection);
                }
                Ok(sight)
            }
            Manner::LeavesBeforeHead | Manner::LeavesAtOnce => Ok(Sight::LeftUnheard),
            Manner::LeavesMidBody => leave_mid_body(connection, ask, rng).await,
            Manner::StopsReading => stop_reading(connection).await,
        }
    }

    async fn connection(&mut self, manner: Manner) -> Result<Connection, Surprise> {
        let is_slow = matches!(manner, Manner::ReadsSlowly | Manner::StopsReading);
        match self.connection.take().filter(|_| !is_slow) {
            Some(it) => Ok(it),
            None if is_slow => {
                Connection::open_slow(self.address, PAUSE).await.map_err(|it| surprise(&it))
            }
            None => Connection::open(self.address).await.map_err(|it| surprise(&it)),
        }
    }
}

/// Reads an answer; also tells whether the connection can be used again.
async fn read(connection: &mut Connection, ask: &Ask) -> Result<(Sight, bool), Surprise> {
    match connection.head().await {
        Some(head) => rest(connection, &head, ask).await,
        None => Ok((Sight::Lost, false)),
    }
}

/// Reads the rest of an answer.
async fn rest(
    connection: &mut Connection,
    head: &Head,
    ask: &Ask,
) -> Result<(Sight, bool), Surprise> {
    let is_whole = connection.body(head).await.is_some();
    let Some(id) = &head.request_id else { return Ok((Sight::Refused(head.status), false)) };
    check_id(id, ask)?;
    let sight = if is_whole { Sight::Whole(head.status) } else { Sight::Cut(head.status) };
    Ok((sight, is_whole && !head.is_last))
}

/// Leaves when it is certain that the service has the request: a server that learns of a request and of the client's leaving at once may not
/// hand the request on.
async fn leave_before_head(mut connection: Connection, ask: &Ask, rng: &mut StdRng) -> Seen {
    let (head, body) = ask.split();
    connection.send(head).await.map_err(|it| surprise(&it))?;
    match connection.head().await {
        Some(head) if head.status == CONTINUE => {}
        Some(head) => return rest(&mut connection, &head, ask).await.map(|it| it.0),
        None => return Ok(Sight::Lost),
    }
    connection.send(body).await.map_err(|it| surprise(&it))?;
    let delay = Duration::from_millis(rng.random_range(LEAVES_AFTER));
    if let Ok(head) = timeout(delay, connection.head()).await {
        let Some(head) = head else { return Ok(Sight::Lost) };
        return rest(&mut connection, &head, ask).await.map(|it| it.0);
    }
    if rng.random() {
        // Looks back: had the answer been on its way, it would come now.
        connection.close_writing().await;
        if let Some(head) = connection.head().await {
            return rest(&mut connection, &head, ask).await.map(|it| it.0);
        }
    }
    Ok(Sight::Left)
}

async fn leave_mid_body(mut connection: Connection, ask: &Ask, rng: &mut StdRng) -> Seen {
    let Some(head) = connection.head().await else { return Ok(Sight::Lost) };
    for _ in 0..rng.random_range(1..4) {
        if connection.first_of_body().await.is_none() {
            return Ok(Sight::Cut(head.status));
        }
    }
    if rng.random() {
        connection.close_writing().await;
        let (sight, _) = rest(&mut connection, &head, ask).await?;
        return Ok(if sight == Sight::Cut(head.status) { Sight::Left } else { sight });
    }
    Ok(Sight::Left)
}

async fn stop_reading(mut connection: Connection) -> Seen {
    if connection.head().await.is_none() {
        return Ok(Sight::Lost);
    }
    sleep(STAYS).await;
    Ok(Sight::Left)
}

/// The service takes a good id over, and makes one up in place of any other.
fn check_id(id: &str, ask: &Ask) -> Result<(), Surprise> {
    let is_made_up = id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit());
    match &ask.id {
        Some(expected) if expected == id => Ok(()),
        None if is_made_up => Ok(()),
        expected => Err(Surprise(format!("request id {id:?} came back for {expected:?}"))),
    }
}

fn surprise(error: &std::io::Error) -> Surprise {
    Surprise(error.to_string())
}
