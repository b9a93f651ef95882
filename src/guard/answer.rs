//! The answer on the wire.

use super::warnings::cut;
use super::{Answer, Report, Verdict, refusal};
use crate::admission::review::{AuditAnnotations, Reply, Request, Response};

pub(super) fn of<O>(request: &Request<'_, O>, verdict: Verdict) -> Answer {
    let Verdict { decision, revision, warnings, problems } = verdict;
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
    let told = problems.iter().map(refusal::Problem::line).chain(warnings).collect();
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

/// `DNS1123SubdomainMaxLength` of `k8s.io/apimachinery/pkg/util/validation`: what is longer is no
/// name, and is shown in part.
const LONGEST_NAME: usize = 253;
