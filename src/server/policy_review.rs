//! The route of the policy's own review: apart from the workers and from the reviews of Jobs, in the
//! log, and counted.

use axum::extract::Request;
use axum::response::Response;
use tokio::time::timeout;

use super::request::{Rejection, admitted, apart, json, waited};
use super::shared::Shared;
use crate::admission::shown;
use crate::clock;
use crate::policy_review::{self, PolicyReviewDecision, Report};
use crate::telemetry::Sparse;

/// Answers a review of the policy.
pub(super) async fn review(shared: &Shared, request: Request) -> Result<Response, Rejection> {
    let (body, turn) = admitted(shared, &shared.policy_review_intake, request).await?;
    // One at a time: a policy takes far more memory while it is read than its text has.
    let alone =
        timeout(shared.settings.policy_review_timeout, waited(&shared.policy_review, &turn));
    let alone = alone.await.map_err(|_| Rejection::Busy)??;
    let answer = apart(move || {
        let _held = (turn, alone);
        policy_review::review(env!("CARGO_PKG_VERSION"), &body.whole())
    });
    let answer = answer.await?;
    log(&shared.policy_reviews_logged, &answer.report);
    shared.metrics.policy_reviewed(answer.report.decision);
    Ok(json(answer.body))
}

fn log(sparse: &Sparse, report: &Report) {
    let Report { uid, namespace: ns, name, decision: what, revision, dry_run, told } = report;
    let decision = what.as_str();
    if let PolicyReviewDecision::NotConsidered
    | PolicyReviewDecision::OtherVersion
    | PolicyReviewDecision::Unchanged = what
    {
        tracing::debug!(uid, ns, name, decision, dry_run, "policy review");
        return;
    }
    let Some(held_back) = sparse.admit(decision, clock::instant()) else { return };
    let told = told.iter().take(SHOWN).map(shown).collect::<Vec<_>>().join("; ");
    if let PolicyReviewDecision::Accepted | PolicyReviewDecision::Drastic = what {
        tracing::info!(
            uid,
            ns,
            name,
            decision,
            revision,
            dry_run,
            told,
            held_back,
            "policy edited"
        );
    } else {
        tracing::warn!(uid, ns, name, decision, dry_run, told, held_back, "policy edit not taken");
    }
}

/// So many findings fit in a log line.
const SHOWN: usize = 3;
