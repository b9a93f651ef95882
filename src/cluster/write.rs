//! One conditional call for one object.
//!
//! A [`Writer`] deletes or patches the object that was judged, or nothing: every call names its
//! uid and its resource version. It waits for its turn ([`Gate`]), gives up after a time, and says
//! what happened in an [`WriteOutcome`] that leaves the caller one thing to do. It must not know why.

mod gate;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use json_patch::PatchOperation;
use kube::client::Body;
use kube::{Client, core::Status};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use self::gate::{Gate, WritePermit};
use super::clock_offset;
use super::pace::Signal;
use super::slim::{MANAGER, Meta};
use crate::batch::Kind;
use crate::policy::rule::Propagation;
use crate::telemetry::chain;

/// Writes, as long as it may.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    gate: Gate,
    over: CancellationToken,
}

/// The very object that was judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub version: String,
}

/// What to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Its Pods go with it, in this way.
    Delete(Propagation),
    /// Operations on the object as it was judged.
    Json(Vec<PatchOperation>),
    /// Members to replace; `null` removes one.
    Merge(Value),
    /// The same of the status.
    Status(Value),
}

/// What became of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WriteOutcome {
    /// The API server did it.
    Done,
    /// The object is not there any more (404): as good as done, for a deletion.
    Gone,
    /// It was changed since it was judged (409): judge it again.
    Changed,
    /// We may not (401, 403), or a webhook or policy is against it; the text is the API server's.
    Refused(String),
    /// Too much to do, or no answer; nothing is known of what became of the call.
    Retry { after: Option<Duration>, why: String },
    /// It makes no sense to the API server (400, 422): trying again would not help.
    Failed(String),
    /// Not tried: we may no longer write.
    Stopped,
}

/// Why a call was not done, or that nobody knows whether it was.
#[derive(Clone, Debug)]
pub struct CallError {
    /// `None` where there was no answer.
    status: Option<StatusCode>,
    /// What the API server said.
    pub said: Box<Status>,
    /// When it may be tried again, if the API server said so.
    after: Option<Duration>,
    pub why: String,
}

/// Makes one call, gives up after a time, and gives the body of the answer. It is empty where only
/// the end of the answer was lost.
///
/// # Errors
/// Where the API server did not do it, or did not answer.
pub(super) async fn call(client: &Client, request: Request<Body>) -> Result<Bytes, CallError> {
    let answered = async {
        let answer = client.send(request).await.map_err(|e| CallError::unanswered(chain(&e)))?;
        let (head, body) = answer.into_parts();
        let after = retry_after(&head.headers);
        let body = match body.collect_bytes().await {
            Ok(body) => body,
            // It was done all the same.
            Err(_) if head.status.is_success() => Bytes::new(),
            Err(error) => return Err(CallError::unanswered(chain(&error))),
        };
        if head.status.is_success() {
            Ok(body)
        } else {
            Err(CallError::new(head.status, after, &body))
        }
    };
    let answer = tokio::time::timeout(LIMIT, answered).await;
    answer.unwrap_or_else(|_| Err(CallError::unanswered(format!("no answer within {LIMIT:?}"))))
}

/// Makes one change to one object, without waiting for a turn.
pub(super) async fn change(client: &Client, target: &Target, change: &Change) -> WriteOutcome {
    match target.request(change) {
        Ok(request) => {
            call(client, request).await.map_or_else(WriteOutcome::from, |_| WriteOutcome::Done)
        }
        Err(error) => WriteOutcome::Failed(error),
    }
}

// === impl Writer ===

impl Writer {
    /// Writes until `over` is cancelled, at the pace of `gate`.
    pub fn new(client: Client, gate: Gate, over: CancellationToken) -> Self {
        Self { client, gate, over }
    }

    /// Makes one change to one object, when it is its turn.
    pub async fn write(&self, target: &Target, change: &Change) -> WriteOutcome {
        let taken = tokio::select! {
            biased;
            () = self.over.cancelled() => return WriteOutcome::Stopped,
            // Cancel-safe: a turn that nobody took is given back.
            taken = self.turn() => taken,
        };
        self.write_now(taken, target, change).await
    }

    /// Waits for a turn: for whoever wants to decide what to write only when it may be written.
    /// Cancel-safe.
    pub async fn turn(&self) -> WritePermit {
        self.gate.turn().await
    }

    /// Makes one change to one object, in a turn that was waited for.
    pub async fn write_now(
        &self,
        taken: WritePermit,
        target: &Target,
        change: &Change,
    ) -> WriteOutcome {
        if self.over.is_cancelled() {
            return WriteOutcome::Stopped;
        }
        // Not cancelled any more: it would be done or not, and nobody would know.
        let outcome = self::change(&self.client, target, change).await;
        taken.ended(outcome.signal());
        outcome
    }
}

// === impl Target ===

impl Target {
    /// An object as it is known.
    pub fn new(kind: Kind, meta: &Meta) -> Self {
        Self {
            kind,
            namespace: meta.namespace.to_string(),
            name: meta.name.to_string(),
            uid: meta.uid.to_string(),
            version: meta.version.to_string(),
        }
    }

    pub(super) fn request(&self, change: &Change) -> Result<Request<Body>, String> {
        let Self { kind, namespace, name, uid, version } = self;
        let resource = match kind {
            Kind::CronJob => "cronjobs",
            Kind::Job => "jobs",
        };
        let mut path = format!("/apis/batch/v1/namespaces/{namespace}/{resource}/{name}");
        let (method, content, body) = match change {
            Change::Delete(propagation) => {
                let body = json!({
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "propagationPolicy": propagation.as_str(),
                    "preconditions": {"uid": uid, "resourceVersion": version},
                });
                (Method::DELETE, "application/json", body)
            }
            Change::Json(operations) => {
                // Not `test`: a wrong version in the result is answered with 409, and a failed
                // test with 422, as is an operation that does not fit.
                let mut all = vec![
                    json!({"op": "add", "path": "/metadata/uid", "value": uid}),
                    json!({"op": "add", "path": "/metadata/resourceVersion", "value": version}),
                ];
                for operation in operations {
                    all.push(serde_json::to_value(operation).map_err(|error| error.to_string())?);
                }
                (Method::PATCH, "application/json-patch+json", Value::Array(all))
            }
            Change::Merge(members) | Change::Status(members) => {
                if let Change::Status(_) = change {
                    path.push_str("/status");
                }
                let mut body = members.clone();
                let condition = json!({"metadata": {"uid": uid, "resourceVersion": version}});
                json_patch::merge(&mut body, &condition);
                (Method::PATCH, "application/merge-patch+json", body)
            }
        };
        if method == Method::PATCH {
            path.push_str("?fieldManager=");
            path.push_str(MANAGER);
        }
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, content)
            .header(header::ACCEPT, "application/json")
            .body(Body::from(body.to_string().into_bytes()))
            .map_err(|error| error.to_string())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, uid: _, version: _ } = self;
        write!(f, "{kind} {namespace}/{name}")
    }
}

// === impl WriteOutcome ===

impl WriteOutcome {
    /// One word, for metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Refused(_) => "refused",
            Self::Retry { .. } => "retry",
            Self::Failed(_) => "failed",
            Self::Stopped => "stopped",
        }
    }

    /// What it says about how much the API server can take.
    pub fn signal(&self) -> Signal {
        match self {
            Self::Retry { after, why: _ } => Signal::Overloaded { retry_after: *after },
            _ => Signal::Answered,
        }
    }
}

// === impl CallError ===

impl CallError {
    fn new(status: StatusCode, after: Option<Duration>, body: &[u8]) -> Self {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        let why = match said.message.as_str() {
            "" => format!("HTTP {status}"),
            message => format!("HTTP {status}: {message}"),
        };
        let after = after.or_else(|| {
            let seconds = said.details.as_ref().map(|details| details.retry_after_seconds);
            seconds.filter(|s| *s > 0).map(|s| Duration::from_secs(s.into()))
        });
        Self { status: Some(status), said: Box::new(said), after, why }
    }

    fn unanswered(why: String) -> Self {
        Self { status: None, said: Box::default(), after: None, why }
    }
}

impl From<CallError> for WriteOutcome {
    fn from(rejection: CallError) -> Self {
        let CallError { status, after, why, said: _ } = rejection;
        match status {
            None => Self::Retry { after, why },
            Some(StatusCode::NOT_FOUND) => Self::Gone,
            Some(StatusCode::CONFLICT) => Self::Changed,
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Self::Refused(why),
            Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) => {
                Self::Retry { after, why }
            }
            Some(status) if status.is_server_error() => Self::Retry { after, why },
            Some(_) => Self::Failed(why),
        }
    }
}

/// `Retry-After`: seconds, or a date by the server's own clock.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until: Timestamp = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let now = clock_offset::date(headers)?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// For one call. The API server itself gives up a webhook's turn after 30 s at most, but a leader
/// must have ended all calls before its Lease runs out, five seconds after it stops renewing.
const LIMIT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests;
