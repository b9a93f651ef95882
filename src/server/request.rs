//! A request: its body, its turn, and why it gets no review back.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::connection::{HTTP1_BUFFER, Peer};
use super::limits::{Intake, Turn};
use super::shared::Shared;
use crate::admission::BadReview;
use crate::clock;
use crate::metrics::Metrics;

/// Why a request gets no review back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejection {
    #[error("the request ended early")]
    Aborted,
    #[error("{0}")]
    BadReview(#[from] BadReview),
    #[error("too many requests at once: the request was not looked at")]
    Busy,
    #[error("too much is waiting, and this request was slow or large: it was not looked at")]
    Displaced,
    #[error("the content type is {found}: expected application/json")]
    ContentType { found: String },
    #[error("{method} is not answered here: expected POST")]
    Method { method: Method },
    #[error(
        "{path} is not here: admission reviews go to {ROUTE}, those of the policy to {POLICY_ROUTE}"
    )]
    NotFound { path: String },
    #[error("curfew failed while it looked at the review: this is a bug, see its log")]
    Panic,
    #[error("the body is over {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body took too long")]
    TooSlow,
}

/// A body that has arrived, in blocks: one piece that grows would be moved again and again, and
/// leave holes where it was. It is put together when it is judged.
#[derive(Default)]
pub(super) struct Received {
    first: Bytes,
    blocks: Vec<Vec<u8>>,
    length: usize,
}

/// Waits for a turn to be judged, unless this request must go for another before.
pub(super) async fn waited(
    turns: &Arc<Semaphore>,
    turn: &Turn,
) -> Result<OwnedSemaphorePermit, Rejection> {
    let permit = tokio::select! {
        biased;
        // Cancel-safe: who is told to go ends here.
        () = turn.gone.notified() => return Err(Rejection::Displaced),
        // Nobody closes the semaphore.
        permit = Arc::clone(turns).acquire_owned() => permit.map_err(|_| Rejection::Busy)?,
    };
    if turn.judged() { Ok(permit) } else { Err(Rejection::Displaced) }
}

/// Judges on a thread of its own what takes so long that a worker could answer hundreds of others
/// meanwhile. A panic ends there, and costs this request only. What the closure holds it gives back
/// when the work ends, and not when the caller has gone.
pub(super) async fn apart<A, F>(judge: F) -> Result<A, Rejection>
where
    A: Send + 'static,
    F: FnOnce() -> Result<A, BadReview> + Send + 'static,
{
    Ok(spawn_blocking(judge).await.map_err(|_| Rejection::Panic)??)
}

/// The body of a request that is let in, with the turn that it takes for as long as it is held.
pub(super) async fn admitted(
    shared: &Shared,
    intake: &Arc<Intake>,
    request: Request,
) -> Result<(Received, Turn), Rejection> {
    is_json(request.headers())?;
    let limit = shared.settings.body_limit;
    if request.body().size_hint().lower() > limit as u64 {
        return Err(Rejection::TooLarge { limit });
    }
    let Peer(peer) = *request.extensions().get().expect("every connection has a peer");
    let turn = intake.enter(peer, clock::instant()).ok_or(Rejection::Busy)?;
    let collected =
        timeout(shared.settings.body_timeout, collect(request.into_body(), limit, &turn));
    let body = tokio::select! {
        biased;
        // Cancel-safe: who is told to go ends here.
        () = turn.gone.notified() => return Err(Rejection::Displaced),
        // Not taken up again once it is left.
        collected = collected => collected.map_err(|_| Rejection::TooSlow)??,
    };
    Ok((body, turn))
}

pub(super) fn json(body: Vec<u8>) -> Response {
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (json, body).into_response()
}

/// Reads a body that is not over the limit, whatever it announced.
async fn collect(mut body: Body, limit: usize, turn: &Turn) -> Result<Received, Rejection> {
    let mut received = Received::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Rejection::Aborted)?.into_data() else { continue };
        if received.length + data.len() > limit {
            return Err(Rejection::TooLarge { limit });
        }
        if !turn.hold(data.len(), clock::instant()) {
            return Err(Rejection::Displaced);
        }
        received.push(data);
    }
    turn.complete();
    Ok(received)
}

fn is_json(headers: &HeaderMap) -> Result<(), Rejection> {
    let found = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let found = found.unwrap_or("absent".into());
    // Parameters, such as a character set, make no difference: JSON is UTF-8.
    let kind = found.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let found = found.chars().take(80).collect();
    Err(Rejection::ContentType { found })
}

// === impl Received ===

impl Received {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The body in one piece. Most come as one, and are not copied.
    pub(super) fn whole(self) -> Bytes {
        let Self { first, blocks, length } = self;
        if blocks.is_empty() {
            return first;
        }
        let mut whole = Vec::with_capacity(length);
        whole.extend_from_slice(&first);
        for block in blocks {
            whole.extend_from_slice(&block);
        }
        whole.into()
    }

    fn push(&mut self, data: Bytes) {
        let so_far = self.length;
        self.length += data.len();
        if so_far == 0 {
            // A piece is a part of the buffer that it was read into, and would hold all of it.
            self.first = if data.len() < HALF_READ { Bytes::copy_from_slice(&data) } else { data };
            return;
        }
        match self.blocks.last_mut() {
            Some(block) if block.capacity() - block.len() >= data.len() => {
                block.extend_from_slice(&data);
            }
            _ => {
                // No more than is there already: a body that trickles must not hold a whole block.
                let room = so_far.clamp(SMALLEST_BLOCK, LARGEST_BLOCK).max(data.len());
                let mut block = Vec::with_capacity(room);
                block.extend_from_slice(&data);
                self.blocks.push(block);
            }
        }
    }
}

// === impl Rejection ===

impl Rejection {
    /// The status of its answer, and a reason of bounded number for a metric.
    const fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Aborted => (StatusCode::BAD_REQUEST, "aborted"),
            Self::BadReview(bad) => (StatusCode::BAD_REQUEST, bad.reason),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::ContentType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
            Self::Displaced => (StatusCode::SERVICE_UNAVAILABLE, "displaced"),
            Self::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method"),
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
            Self::Panic => (StatusCode::INTERNAL_SERVER_ERROR, "panic"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
        }
    }

    /// The answer; counts and logs it.
    pub(super) fn response(&self, metrics: &Metrics) -> Response {
        let (status, reason) = self.kind();
        metrics.rejected(reason);
        tracing::debug!(reason, "rejected: {self}");
        let mut response = (status, format!("{self}\n")).into_response();
        if let Self::Method { .. } = self {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// In bytes: half of what one read brings in.
const HALF_READ: usize = HTTP1_BUFFER / 2;

/// In bytes.
const SMALLEST_BLOCK: usize = 4 << 10;
const LARGEST_BLOCK: usize = 64 << 10;

pub(super) const ROUTE: &str = "/mutate";
pub(super) const POLICY_ROUTE: &str = "/guard";

#[cfg(test)]
mod tests {
    use super::{Rejection, apart};
    use crate::admission::BadReview;

    #[tokio::test]
    async fn a_panic_costs_one_request() {
        let panicked = apart(|| -> Result<(), BadReview> { panic!("asked for") }).await;
        assert!(matches!(panicked, Err(Rejection::Panic)), "{panicked:?}");
    }
}
