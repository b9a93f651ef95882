//! The route of the policy's own review: apart from the workers, in the log, and counted.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;

use super::Shared;
use super::routes::{Rejection, admitted, apart, json};
use crate::guard::{self, Decision, Report};

/// Answers a review of the policy.
pub(super) async fn review(shared: &Shared, request: Request) -> Result<Response, Rejection> {
    let (body, turn) = admitted(shared, request).await?;
    // One at a time: a policy takes far more memory while it is read than its text has. Whoever
    // waits here is bounded by the gate, and gone when its caller is. Nobody closes the semaphore.
    let alone = Arc::clone(&shared.guarding).acquire_owned().await.map_err(|_| Rejection::Busy)?;
    let answer = apart(move || {
        let _held = (turn, alone);
        guard::review(env!("CARGO_PKG_VERSION"), &body)
    });
    let answer = answer.await?;
    log(&answer.report);
    shared.metrics.policy_guarded(answer.report.decision);
    Ok(json(answer.body))
}

fn log(report: &Report) {
    let Report { uid, namespace, name, decision, revision, dry_run, told } = report;
    let (ns, decision_word) = (namespace, decision.as_str());
    let told = told.get(..SHOWN).unwrap_or(told).join("; ");
    match decision {
        Decision::NotConsidered | Decision::OtherVersion | Decision::Unchanged => {
            tracing::debug!(uid, ns, name, decision = decision_word, dry_run, "policy review");
        }
        Decision::Accepted | Decision::Drastic => {
            let decision = decision_word;
            tracing::info!(uid, ns, name, decision, revision, dry_run, told, "policy edited");
        }
        Decision::Refused | Decision::Unjudged => {
            let decision = decision_word;
            tracing::warn!(uid, ns, name, decision, dry_run, told, "policy edit not taken");
        }
    }
}

/// So many findings fit in a log line.
const SHOWN: usize = 3;
