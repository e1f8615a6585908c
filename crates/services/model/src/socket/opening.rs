//! Opens a connection beside the requests, and warms it up.

use super::chain::Chain;
use super::lane::{Lane, Ready};
use super::link::{Link, Reply};
use crate::event::ModelEvent;
use crate::request::{ModelRequest, RequestMetadata};
use crate::responses::{Bearer, Inner, not_sent, unix_now};
use crate::stream::Interpreter;
use codex_http::Opened;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a warm-up may take; after it the connection is used without.
const WARM_UP_MAX: Duration = Duration::from_secs(30);

/// Starts opening; the lane learns how it ended. `warm_up` is sent on the new connection so that the provider knows the beginning of the
/// conversation before the first question comes.
pub(crate) fn open(inner: &Arc<Inner>, metadata: RequestMetadata, warm_up: Option<ModelRequest>) {
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let Some(lane) = &inner.lane else { return };
        let limit = inner.endpoint.socket_connect_limit;
        match timeout(limit, handshake(&inner, &metadata)).await {
            Err(_) => lane.failed(&format!("no websocket within {limit:?} (websocket_connect_timeout_ms)")),
            Ok(Err(End::Failed(why))) => lane.failed(&why),
            Ok(Err(End::NotSpoken)) => lane.give_up(),
            Ok(Ok(link)) => {
                let chain = match warm_up {
                    Some(request) => warmed_up(&link, request).await,
                    None => None,
                };
                hand_over(lane, Ready { link, chain });
            }
        }
    });
}

fn hand_over(lane: &Lane, ready: Ready) {
    if ready.link.is_open() {
        lane.put(ready);
    } else {
        lane.failed("websocket: the connection was cut");
    }
}

enum End {
    Failed(String),
    NotSpoken,
}

async fn handshake(inner: &Inner, metadata: &RequestMetadata) -> Result<Link, End> {
    let bearer = inner.bearer().await.map_err(|error| End::Failed(error.message))?;
    let request = inner.socket_request(metadata, &bearer);
    let opened = inner.http.websocket(request, inner.endpoint.bounds.event_bytes).await;
    match opened.map_err(|problem| End::Failed(not_sent(&problem).message))? {
        Opened::Socket(socket) => {
            if let Some((_, state)) = socket.headers().iter().find(|(name, _)| name == crate::responses::TURN_STATE) {
                inner.keep_turn_state(&metadata.turn_id, state);
            }
            Ok(Link::new(socket))
        }
        Opened::Refused(response) => {
            if let (401, Bearer::Leased(lease)) = (response.status(), &bearer) {
                inner.refuse(lease).await;
            }
            if may_be_spoken_later(response.status()) {
                return Err(End::Failed(format!("websocket: unexpected status {}", response.status_text())));
            }
            Err(End::NotSpoken)
        }
    }
}

/// 426 says that the server has no websocket here; so does every answer of one that has never heard of them.
const fn may_be_spoken_later(status: u16) -> bool {
    matches!(status, 401 | 403 | 407 | 408 | 409 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Sends the beginning of the conversation without asking for an answer.
async fn warmed_up(link: &Link, request: ModelRequest) -> Option<Chain> {
    let mut replies = link.ask(request.warm_up_message(unix_now().as_millis()).ok()?)?;
    let mut interpreter = Interpreter::default();
    let deadline = Instant::now() + WARM_UP_MAX;
    loop {
        // Every other end is as good as no warm-up.
        let Ok(Some(Reply::Text(data))) = timeout_at(deadline, replies.recv()).await else {
            return None;
        };
        match interpreter.read(&data) {
            Some(ModelEvent::Completed { response_id, .. }) => return Chain::new(response_id, &request, Vec::new()),
            Some(ModelEvent::Failed(_) | ModelEvent::ItemDone(_)) => return None,
            _ => {}
        }
    }
}
