//! What becomes of an edit, and the answer on the wire.

use super::problem::Problem;
use super::refusal;
use super::warnings::cut;
use crate::admission::review::{AuditAnnotations, Reply, Request, Response};
use crate::named::named;

/// The answer to one review, with what a log line and a metric want to know of it.
#[derive(Debug)]
pub struct Answer {
    /// The `AdmissionReview` to send back, with HTTP status 200.
    pub body: Vec<u8>,
    pub report: Report,
}

/// What was decided.
#[derive(Debug)]
pub struct Report {
    pub uid: String,
    pub namespace: String,
    pub name: String,
    pub decision: PolicyReviewDecision,
    /// The revision of the policy that was let in; empty where none was.
    pub revision: String,
    pub dry_run: bool,
    /// What is wrong, or drastic, or odd: a line each.
    pub told: Vec<String>,
}

named! {
    /// What becomes of an edit.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub enum PolicyReviewDecision {
        Accepted = "accepted",
        /// Let in with a word about what it does to many objects at once.
        Drastic = "drastic",
        /// Nothing that we judge: another kind, another operation, or a map that is being deleted.
        NotConsidered = "not-considered",
        /// The map of another version of curfew.
        OtherVersion = "other-version",
        Refused = "refused",
        /// The files stay as they are.
        Unchanged = "unchanged",
        /// No map that could be read.
        Unjudged = "unjudged",
    }
}

/// What becomes of an edit, with what is said about it.
pub(super) struct EditVerdict {
    pub(super) decision: PolicyReviewDecision,
    pub(super) revision: String,
    pub(super) warnings: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// The answer that says what becomes of an edit.
pub(super) fn of<O>(request: &Request<'_, O>, verdict: EditVerdict) -> Answer {
    let EditVerdict { decision, revision, warnings, problems } = verdict;
    let name = cut(request.name.as_deref().unwrap_or_default(), LONGEST_NAME);
    let status = (!problems.is_empty()).then(|| refusal::status(&name, &problems));
    let reply = Reply::new(Response {
        uid: &request.uid,
        allowed: status.is_none(),
        status,
        patch_type: None,
        patch: None,
        warnings: &warnings,
        audit_annotations: AuditAnnotations {
            decision: decision.as_str(),
            revision: &revision,
            ..AuditAnnotations::default()
        },
    });
    let body = serde_json::to_vec(&reply).expect("strings are always JSON");
    let told = problems.iter().map(Problem::line).chain(warnings).collect();
    let report = Report {
        uid: request.uid.to_string(),
        namespace: cut(request.namespace.as_deref().unwrap_or_default(), LONGEST_NAME),
        name,
        decision,
        revision,
        dry_run: request.dry_run.unwrap_or_default(),
        told,
    };
    Answer { body, report }
}

// === impl EditVerdict ===

impl From<PolicyReviewDecision> for EditVerdict {
    fn from(decision: PolicyReviewDecision) -> Self {
        Self { decision, revision: String::new(), warnings: Vec::new(), problems: Vec::new() }
    }
}

/// `DNS1123SubdomainMaxLength` of `k8s.io/apimachinery/pkg/util/validation`: what is longer is no
/// name, and is shown in part.
const LONGEST_NAME: usize = 253;
