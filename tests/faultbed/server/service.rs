//! The way to the server, on which requests and answers are lost.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::{Response, header};
use http_body_util::StreamBody;
use hyper::body::Frame;
use jiff::fmt::rfc2822;
use kube::client::Body;
use serde_json::Value;
use tokio::time::Instant;

use super::request::{Asked, Request};
use super::watch::lines;
use super::weather::Fate;
use super::{Reply, Shared, Straggler, lock, status};
use crate::time::{self, Moment, SECOND};

/// The body of an answer.
type Content = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

/// Who calls, and what time it is for them: their runtime's clock is the bed's.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The position among the replicas.
    pub replica: usize,
    /// Both at the birth of the replica.
    pub born: Moment,
    pub began: Instant,
}

/// A write on its way. Who gives it up does not call it back.
struct Sent<'s> {
    server: &'s Shared,
    /// `None` once it has arrived.
    straggler: Option<Straggler>,
}

/// The server as one replica reaches it.
#[derive(Clone)]
pub struct Endpoint {
    pub server: Shared,
    pub caller: Caller,
}

// === impl Caller ===

impl Caller {
    pub fn now(self) -> Moment {
        let passed = self.began.elapsed().as_millis();
        self.born + Moment::try_from(passed).expect("a run is short")
    }

    pub async fn sleep_until(self, at: Moment) {
        let after = Duration::from_millis(at.saturating_sub(self.born));
        tokio::time::sleep_until(self.began + after).await;
    }
}

// === impl Endpoint ===

impl tower::Service<http::Request<Body>> for Endpoint {
    type Response = Response<Content>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Content>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.clone().serve(request))
    }
}

impl Endpoint {
    async fn serve(self, request: http::Request<Body>) -> io::Result<Response<Content>> {
        let request = Request::read(request).await;
        let Self { server, caller } = &self;
        let fate = {
            let mut server = lock(server);
            server.sees(caller.now());
            server.fate(*caller, &request)
        };
        let is_write =
            matches!(request.asked, Asked::Patch(_) | Asked::Replace(_) | Asked::Delete(_));
        let words = request.words();
        let tell = |what: &str| lock(server).tell_of(*caller, &format!("{words} → {what}"));
        let pause = |ms: Moment| tokio::time::sleep(Duration::from_millis(ms));
        let (there, back) = match fate {
            Fate::Well(took) => (took / 2, took - took / 2),
            Fate::Slow(there, back) => (there, back),
            _ => (5, 5),
        };
        let mut sent = Sent { server, straggler: None };
        if is_write && matches!(fate, Fate::Well(_) | Fate::Slow(..) | Fate::Lost) {
            let server = lock(server);
            let now = server.now;
            let leads = server.oracle.leads(caller.replica, now);
            let (caller, request, arrives) = (*caller, request.clone(), now + there);
            sent.straggler = Some(Straggler { caller, request, leads, sent: now, arrives });
        }
        pause(there).await;
        sent.straggler = None;
        if fate == Fate::Hangs {
            tell("no answer");
            std::future::pending::<()>().await;
        }
        let refused = match fate {
            Fate::Refused => {
                tell("connection refused");
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"));
            }
            Fate::TooMany(after) => {
                Some((status(429, "TooManyRequests", "too many requests"), after))
            }
            Fate::Internal => {
                Some((status(500, "InternalError", "etcdserver: leader changed"), None))
            }
            Fate::Unavailable => {
                Some((status(503, "ServiceUnavailable", "apiserver not ready"), None))
            }
            Fate::Expired => {
                Some((status(410, "Expired", "the token or version is too old"), None))
            }
            _ => None,
        };
        if let Some((body, after)) = refused {
            tell(&format!("{} without a look", body["code"]));
            let code = body["code"].as_u64().and_then(|code| code.try_into().ok());
            let code = code.expect("it was put together above");
            return Ok(answer(*caller, server, (code, &body), after, false));
        }
        let reply = {
            let mut server = lock(server);
            server.sees(caller.now());
            let reply = server.answer(*caller, &request);
            if let (Asked::Patch(key) | Asked::Replace(key), false) =
                (&request.asked, matches!(fate, Fate::Well(_)))
            {
                server.oracle.unsure(key);
            }
            reply
        };
        let outcome = match &reply {
            Reply::Plain(code, _) => code.to_string(),
            Reply::Watch(_) => "begun".to_owned(),
        };
        let lost = match fate {
            Fate::Lost => " lost",
            Fate::LostBehindProxy => " lost behind a 500",
            Fate::Truncated => " truncated",
            Fate::Slow(..) => " slowly",
            _ => "",
        };
        tell(&format!("{outcome}{lost}"));
        pause(back).await;
        match (fate, reply) {
            (Fate::Lost, _) => {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer"))
            }
            (Fate::LostBehindProxy, _) => {
                let body = status(500, "InternalError", "the backend did not answer");
                Ok(answer(*caller, server, (500, &body), None, false))
            }
            (fate, Reply::Plain(code, body)) => {
                Ok(answer(*caller, server, (code, &body), None, fate == Fate::Truncated))
            }
            (_, Reply::Watch(watch)) => {
                let lines = lines(server.clone(), *caller, *watch).boxed();
                Ok(dated(server, 200).body(StreamBody::new(lines)).expect("a head"))
            }
        }
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(straggler) = self.straggler.take() {
            lock(self.server).abandoned(straggler);
        }
    }
}

fn answer(
    caller: Caller,
    server: &Shared,
    (code, body): (u16, &Value),
    after: Option<u64>,
    cut: bool,
) -> Response<Content> {
    lock(server).sees(caller.now());
    let mut head = dated(server, code).header(header::CONTENT_TYPE, "application/json");
    if let Some(after) = after {
        head = head.header(header::RETRY_AFTER, after);
    }
    let mut bytes = Bytes::from(body.to_string());
    let mut parts = Vec::new();
    if cut {
        bytes.truncate(bytes.len() / 2);
        parts.push(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the answer broke off")));
    }
    parts.insert(0, Ok(Frame::data(bytes)));
    head.body(StreamBody::new(stream::iter(parts).boxed())).expect("a head")
}

/// The head of an answer, with the server's time in whole seconds.
fn dated(server: &Shared, status: u16) -> http::response::Builder {
    let now = lock(server).now;
    let date = time::wall(now / SECOND * SECOND);
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).expect("a date");
    Response::builder().status(status).header(header::DATE, date)
}
