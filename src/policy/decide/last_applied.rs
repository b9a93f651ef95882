//! What `kubectl apply` remembers of the author's manifest.

use serde::{Deserialize, Serialize};

/// What is read of the manifest that `kubectl apply` remembers.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Manifest {
    pub(super) spec: Option<LastSpec>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LastSpec {
    pub(super) ttl_seconds_after_finished: Option<i64>,
    pub(super) successful_jobs_history_limit: Option<i64>,
    pub(super) failed_jobs_history_limit: Option<i64>,
    pub(super) job_template: Option<LastTemplate>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(super) struct LastTemplate {
    pub(super) spec: Option<LastTemplateSpec>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastTemplateSpec {
    pub(super) ttl_seconds_after_finished: Option<i64>,
}

/// The few numbers that a decision reads of the manifest that `kubectl apply` remembers, in the
/// same form; nothing but the form where there are none, since that it is there counts all the same.
pub fn last_applied(manifest: &str) -> String {
    // A null says what a missing member says.
    serde_json::to_string(&Manifest::parse(manifest)).expect("numbers are always JSON")
}

// === impl Manifest ===

impl Manifest {
    /// Unreadable proves nothing.
    pub(super) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}
