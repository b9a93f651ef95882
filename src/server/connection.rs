//! One connection that speaks HTTP, from its first byte to its last.
//!
//! [`serve`] runs hyper on a stream and does with it what [`Activity`] decides. It is the same for
//! both ports; what is answered is the business of the service.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tower::ServiceExt;

use super::activity::{Activity, InFlight, Late, Next, Protocol};
use super::phase::Phase;
use super::seats::{Seat, Unread};
use super::settings::Settings;
use super::stream::Stream;
use crate::clock;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The client was too slow, or silent for too long.
    Cut(Late),
    /// It had to go for another one.
    Displaced,
    /// In order, or because the client broke it: nobody can tell, and nothing follows from it.
    Over,
}

/// The body of an answer.
pub(super) struct Answered {
    body: Body,
    out: Arc<Out>,
}

/// Lasts until an answer is out: until then the request is in flight, and the answer unread.
struct Out {
    _in_flight: InFlight,
    _unread: Unread,
}

/// A piece of an answer. HTTP/2 takes a whole piece as soon as the client takes one byte, and keeps
/// the rest, so the body may have ended long before its last byte is out.
struct Piece {
    bytes: Bytes,
    _out: Arc<Out>,
}

/// Whose address a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves a stream until it is closed.
pub(super) async fn serve<S>(
    stream: S,
    seat: &Arc<Seat>,
    protocol: Protocol,
    settings: &Settings,
    phase: watch::Receiver<Phase>,
    router: Router,
) -> End
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let activity = Arc::clone(&seat.activity);
    activity.speaks(protocol);
    let stream = Stream::new(stream, activity);
    let service = service_fn({
        let (seat, phase) = (Arc::clone(seat), phase.clone());
        move |mut request: Request<Incoming>| {
            let (seat, phase) = (Arc::clone(&seat), phase.clone());
            let router = router.clone();
            async move {
                let activity = &seat.activity;
                let mut in_flight = activity.begin(clock::instant);
                request.extensions_mut().insert(Peer(seat.peer));
                let Ok(mut response) = router.oneshot(request.map(Body::new)).await;
                if activity.says_close(*phase.borrow(), clock::instant()) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                in_flight.answer();
                let bytes = usize::try_from(response.body().size_hint().lower());
                let unread = seat.answer(bytes.unwrap_or(usize::MAX), clock::instant());
                let out = Arc::new(Out { _in_flight: in_flight, _unread: unread });
                Ok::<_, Infallible>(response.map(|body| Answered { body, out }))
            }
        }
    });
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // Ours: see `activity`.
                .header_read_timeout(None)
                .max_buf_size(HTTP1_BUFFER)
                .serve_connection(TokioIo::new(stream), service);
            drive(connection, seat, settings, phase).await
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(HTTP2_STREAMS)
                .max_header_list_size(HTTP2_HEADERS)
                .initial_stream_window_size(HTTP2_STREAM_WINDOW)
                .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
                .serve_connection(TokioIo::new(stream), service);
            drive(connection, seat, settings, phase).await
        }
    }
}

/// Polls a connection, and asks after each poll what is to become of it.
async fn drive<C: GracefulConnection>(
    connection: C,
    seat: &Seat,
    settings: &Settings,
    mut phases: watch::Receiver<Phase>,
) -> End {
    let mut connection = pin!(connection);
    let mut alarm = pin!(tokio::time::sleep(settings.idle_timeout));
    let mut phase = *phases.borrow_and_update();
    let mut stopping: Option<Instant> = None;
    let mut closing = false;
    let mut may_change = true;
    loop {
        if phase == Phase::Stopping {
            stopping.get_or_insert_with(clock::instant);
        }
        let decide = || seat.activity.next(phase, stopping, closing, settings, clock::instant());
        let end = tokio::select! {
            biased;
            // Cancel-safe: looks at a version number.
            changed = phases.changed(), if may_change => {
                may_change = changed.is_ok();
                phase = *phases.borrow_and_update();
                continue;
            }
            // Cancel-safe: who is told to go and does not hear it here hears it the next time.
            () = seat.gone.notified() => return End::Displaced,
            // Cancel-safe: holds nothing but references.
            end = poll_fn(|context| {
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Some(End::Over));
                }
                loop {
                    let until = match decide() {
                        Next::Wait(until) => tokio::time::Instant::from_std(until),
                        Next::Cut(late) => return Poll::Ready(Some(End::Cut(late))),
                        Next::Close => return Poll::Ready(None),
                    };
                    // A later time is set only when the earlier one has come: each request moves
                    // it, and setting a timer costs more than looking at the clock.
                    if until < alarm.deadline() || alarm.is_elapsed() {
                        alarm.as_mut().reset(until);
                    }
                    if alarm.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                }
            }) => end,
        };
        if let Some(end) = end {
            return end;
        }
        connection.as_mut().graceful_shutdown();
        closing = true;
    }
}

/// When a new connection is old enough to be closed.
pub(super) fn activity(settings: &Settings) -> Arc<Activity> {
    let age = settings.connection_age.mul_f64(1.0 - clock::fraction() / 10.0);
    Arc::new(Activity::new(age, clock::instant()))
}

// === impl Answered ===

impl Answered {
    fn piece(&self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Piece { bytes, _out: Arc::clone(&self.out) })
    }
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|bytes| self.piece(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Piece ===

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// In bytes: room for the headers, and what one read brings in of a body; a frame of HTTP/2 is as
/// long at most.
pub(super) const HTTP1_BUFFER: usize = 16 << 10;
const HTTP2_STREAMS: u32 = 128;
/// In bytes.
const HTTP2_HEADERS: u32 = 16 << 10;
/// In bytes, what a stream may have sent before we read it; a usual review fits.
const HTTP2_STREAM_WINDOW: u32 = 256 << 10;
/// The same for all streams of a connection.
const HTTP2_CONNECTION_WINDOW: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::activity::Busy;
    use super::super::seats::Seats;
    use super::*;

    #[tokio::test]
    async fn a_request_lasts_until_the_last_byte_is_out() {
        let activity = activity(&Settings::default());
        let peer = IpAddr::from([127, 0, 0, 1]);
        let seat = Arc::new(Seats::new(1, 100)).take(peer, activity);
        let mut in_flight = seat.activity.begin(clock::instant);
        in_flight.answer();
        let out = Out { _in_flight: in_flight, _unread: seat.answer(5, clock::instant()) };
        let mut body = Answered { body: Body::from("hello"), out: Arc::new(out) };
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let mut kept = frame.unwrap().unwrap().into_data().unwrap();
        drop(body);
        drop(kept.split_to(1));
        assert_eq!(seat.activity.busy().0, Busy::Working);
        assert!(seat.activity.unread_since().is_some());
        drop(kept);
        assert_eq!(seat.activity.busy().0, Busy::Idle);
        assert_eq!(seat.activity.unread_since(), None);
    }
}
