//! One admission review: bytes in, bytes out.

use jiff::Timestamp;

use crate::policy::rule::Policy;

/// What is known of the place where we run.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Our own namespace, whose objects are never considered; `None` where it is not known.
    pub own_namespace: Option<String>,
}

/// The answer to one review, with what a log line, a metric and a test want to know of it.
#[derive(Debug)]
pub struct Answer {
    /// The `AdmissionReview` to send back, with HTTP status 200.
    pub body: Vec<u8>,
    pub report: Report,
}

/// What was decided, in words of bounded number.
#[derive(Debug, Default)]
pub struct Report {
    pub uid: String,
    /// `CREATE`, `UPDATE` …
    pub operation: String,
    /// `Job`, `CronJob`, or `other`.
    pub kind: &'static str,
    pub namespace: String,
    /// The name, or the prefix where the API server makes it.
    pub name: String,
    /// Such as `patched`, `unchanged`, `exempt`, `guarded`: the `decision` label of metrics.
    pub decision: &'static str,
    /// Setting and the name of the rule, or reserved word, that supplied its value.
    pub rules: Vec<(&'static str, String)>,
    /// The guards that hit.
    pub guards: Vec<&'static str>,
    /// Settings of the author that were changed, with the reason (`limits`, `enforce`, …).
    pub changed: Vec<(&'static str, &'static str)>,
    pub dry_run: bool,
    /// Why the object could not be judged.
    pub unjudged: Option<String>,
}

/// Why a body is no admission review; the caller answers with HTTP 400 and this text.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BadReview {
    /// Of bounded number, for a metric.
    pub reason: &'static str,
    pub message: String,
}

/// Answers a review.
///
/// # Errors
/// Where the body is no `AdmissionReview` of `admission.k8s.io/v1` with a request and a uid.
pub fn admit(
    policy: &Policy,
    site: &Site,
    body: &[u8],
    now: Timestamp,
) -> Result<Answer, BadReview> {
    let _ = (policy, site, body, now);
    todo!()
}
