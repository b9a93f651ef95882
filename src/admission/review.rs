//! `AdmissionReview` of `admission.k8s.io/v1` on the wire (upstream-semantics.md, 5.2 and 5.3).
//!
//! What comes in borrows from the body and skips what nothing reads. An object of the wrong shape
//! must not make the review unreadable, so it is read a second time without its objects where the
//! first reading fails on types; that path is rare and may be slow. The same becomes of objects that
//! would take far more memory than the body has bytes.

use std::fmt::{self, Write};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::batch::text::cut;
use crate::batch::{Text, room};

/// Why a body is no admission review; the caller answers with HTTP 400 and this text.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BadReview {
    /// Of bounded number, for a metric.
    pub reason: &'static str,
    pub message: String,
}

/// The request of a review.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<'a, O> {
    #[serde(borrow, default)]
    pub(crate) uid: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) kind: GroupVersionKind<'a>,
    #[serde(borrow)]
    pub(crate) sub_resource: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) namespace: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) operation: Text<'a>,
    pub(crate) dry_run: Option<bool>,
    /// Boxed, because the request is handed up through every layer of the reader, and objects are
    /// most of its size.
    pub(crate) object: Option<Box<O>>,
    pub(crate) old_object: Option<Box<O>>,
}

/// What kind of object a request is about.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct GroupVersionKind<'a> {
    #[serde(borrow, default)]
    pub(crate) group: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) version: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) kind: Text<'a>,
}

/// A request whose objects were read, or not.
pub(crate) enum Reading<'a, O> {
    Objects(Request<'a, O>),
    /// The objects have parts of the wrong type; the text says which.
    Unreadable(Request<'a, IgnoredAny>, String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a, O> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow)]
    request: Option<Request<'a, O>>,
}

/// The review to send back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

/// The response of a review. Of Jobs and `CronJob`s everything is allowed: curfew mends, and never
/// forbids. What may be refused is a policy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response<'a> {
    pub(crate) uid: &'a str,
    pub(crate) allowed: bool,
    /// Why it is not allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
    /// Base64 of the operations; absent together with its type where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) warnings: &'a [String],
    pub(crate) audit_annotations: AuditAnnotations<'a>,
}

/// A `Status` of `meta/v1`, as a client is to see it.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Details,
}

/// What is wrong, piece by piece: kubectl prints these in place of the message.
#[derive(Debug, Serialize)]
pub(crate) struct Details {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) causes: Vec<Cause>,
}

/// One piece, which kubectl prints as `field: message`.
#[derive(Debug, Serialize)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// What the API server's audit log keeps of a decision.
#[derive(Default, Serialize)]
pub(crate) struct AuditAnnotations<'a> {
    pub(crate) decision: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) revision: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) rule: &'a str,
    /// What keeps the object as its author wrote it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) guard: &'a str,
    /// What rules enforce, and a guard keeps from the object.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) withheld: &'a str,
}

// === impl Reading ===

impl<'a, O: Deserialize<'a>> Reading<'a, O> {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it is no review that can be answered: the sentence says what is wrong and where.
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, BadReview> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(BadReview::new("empty", "the body is empty: send an AdmissionReview"));
        }
        refuse_depth(body)?;
        // Once for the whole body, which is far cheaper than once for each string in it.
        let text = std::str::from_utf8(body)
            .map_err(|error| BadReview::new("json", format!("the body is not UTF-8: {error}")))?;
        let room = body.len() * ROOM + FREE_ROOM;
        match room::within(room, || serde_json::from_str(text)) {
            Ok(review) => request(review).map(Self::Objects),
            Err(error) if error.is_data() => {
                // The error may quote megabytes: it goes before anything else is read.
                let shown = shown(&error);
                drop(error);
                let review = room::within(room, || serde_json::from_str(text))
                    .map_err(|error| bad_json(&error))?;
                request(review).map(|request| Self::Unreadable(request, shown))
            }
            Err(error) => Err(bad_json(&error)),
        }
    }
}

fn request<O>(review: Review<'_, O>) -> Result<Request<'_, O>, BadReview> {
    if &*review.api_version != API_VERSION {
        let version = shown(&*review.api_version);
        let message = format!("apiVersion is {version:?}: this server speaks {API_VERSION}");
        return Err(BadReview::new("version", message));
    }
    if &*review.kind != KIND {
        let kind = shown(&*review.kind);
        return Err(BadReview::new("kind", format!("kind is {kind:?}: send an {KIND}")));
    }
    let request = review
        .request
        .ok_or_else(|| BadReview::new("request", "the review has no request to answer"))?;
    if request.uid.is_empty() {
        return Err(BadReview::new("uid", "the request has no uid to answer to"));
    }
    if request.uid.len() > LONGEST_UID {
        let message = format!("the uid of the request has more than {LONGEST_UID} bytes");
        return Err(BadReview::new("uid", message));
    }
    Ok(request)
}

fn bad_json(error: &serde_json::Error) -> BadReview {
    let reason = if error.is_eof() { "truncated" } else { "json" };
    BadReview::new(reason, format!("the body is not an AdmissionReview: {}", shown(error)))
}

/// Refuses what no API server sends, before a parser goes down there.
fn refuse_depth(body: &[u8]) -> Result<(), BadReview> {
    // Counting openers settles nearly every body: it cannot be deeper than it has openers. Counted
    // by bytes, in pieces that no byte overflows on, this is vector code with sixteen to a step;
    // counted straight into a word it is four, and then a sixth of the whole answer.
    let openers =
        |piece: &[u8]| piece.iter().map(|byte| u8::from(matches!(byte, b'{' | b'['))).sum::<u8>();
    if body.chunks(usize::from(u8::MAX)).map(|piece| usize::from(openers(piece))).sum::<usize>()
        <= DEEPEST
    {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(BadReview::new(
                        "depth",
                        format!("the body is nested deeper than {DEEPEST} levels"),
                    ));
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The beginning of a text that somebody else wrote, for a message or a log line. No more of it is
/// written out: an error that quotes megabytes would take them twice.
pub(crate) fn shown(text: &(impl fmt::Display + ?Sized)) -> String {
    struct Start(String);

    impl fmt::Write for Start {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            let start = cut(piece, LONGEST_SHOWN - self.0.len());
            self.0.push_str(start);
            if start.len() == piece.len() { Ok(()) } else { Err(fmt::Error) }
        }
    }

    let mut start = Start(String::new());
    let whole = write!(start, "{text}").is_ok();
    if whole { start.0 } else { start.0 + "…" }
}

// === impl BadReview ===

impl BadReview {
    /// The message may quote what came; an answer must not cost more than the question.
    fn new(reason: &'static str, message: impl fmt::Display) -> Self {
        Self { reason, message: shown(&message) }
    }
}

// === impl Reply ===

impl<'a> Reply<'a> {
    /// A review that carries a response.
    pub(crate) fn new(response: Response<'a>) -> Self {
        Self { api_version: API_VERSION, kind: KIND, response }
    }
}

const API_VERSION: &str = "admission.k8s.io/v1";

const KIND: &str = "AdmissionReview";

/// As long as a sentence, in bytes.
const LONGEST_SHOWN: usize = 200;

/// An API server sends a UUID; the answer has it, too.
const LONGEST_UID: usize = 256;

/// What is read of a review may take so many times its bytes, beside the body itself. An API server
/// stores sixty thousand labels, with 23 bytes each: read, they have 48, and room to grow.
const ROOM: usize = 3;

/// In bytes, what every review has beside: a small one may be made of nothing but short entries.
const FREE_ROOM: usize = 2 << 20;

/// Deeper than any Job or its managed fields; `serde_json` itself stops at 128 where it recurses.
const DEEPEST: usize = 512;
