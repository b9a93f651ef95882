//! The judge of production: the policy in use, and a log line for each review.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admission::{Answer, BadReview, NO_ROOM, Report, Site, admit};
use crate::clock;
use crate::policy::Policy;
use crate::telemetry::Sparse;

/// Answers reviews by the policy that is in use when they come.
#[derive(Debug)]
pub struct Webhook {
    policy: Arc<ArcSwap<Policy>>,
    site: Site,
    logged: Sparse,
}

// === impl Webhook ===

impl Webhook {
    /// Judges by whatever policy is in the slot.
    pub fn new(policy: Arc<ArcSwap<Policy>>, site: Site) -> Self {
        Self { policy, site, logged: Sparse::default() }
    }

    /// Judges the body of one request.
    ///
    /// # Errors
    /// Where it is no admission review.
    pub fn judge(&self, body: &[u8]) -> Result<Answer, BadReview> {
        let began = clock::instant();
        // Once: a review that saw two policies would get a mix of both.
        let policy = self.policy.load();
        let answer = admit(&policy, &self.site, body, clock::now())?;
        self.log(&answer.report, &policy.revision, began.elapsed().as_secs_f64() * 1e3);
        Ok(answer)
    }

    /// At debug, because the API server's audit log has the same in its annotations, and a busy
    /// cluster asks a thousand times a second.
    fn log(&self, report: &Report, revision: &str, ms: f64) {
        let Report { uid, operation: op, kind, namespace: ns, name, decision, dry_run, .. } =
            report;
        let left = match &report.unjudged {
            Some(why) => Some(("cannot be judged", why.as_str())),
            None if *decision == NO_ROOM => Some((
                "left as it is",
                "its annotations leave no room for the record curfew.dev/applied",
            )),
            None => None,
        };
        if let Some((what, why)) = left
            && let Some(held_back) = self.logged.admit(what, clock::instant())
        {
            tracing::warn!(uid, op, kind, ns, name, why, held_back, "{what}");
        }
        if tracing::enabled!(tracing::Level::DEBUG) {
            let by = report.rules.iter().map(|(setting, rule)| format!("{setting}={rule}"));
            let rule = by.collect::<Vec<_>>().join(",");
            tracing::debug!(
                uid, op, kind, ns, name, decision, dry_run, rule, revision, ms, "review"
            );
        }
    }
}
