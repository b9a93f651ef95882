//! What the sweeper does about a stored object, as data.

use jiff::Timestamp;
use serde::Serialize;

use crate::sweeper::{Action, Judgement, PlanId};

/// What the sweeper does about a stored object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sweeps {
    /// What the policy lets it do here.
    pub(super) stored: &'static str,
    pub(super) does: Vec<Step>,
    /// What to approve before it does that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<PlanId>,
}

/// One action.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) action: &'static str,
    pub(super) why: String,
    /// When to look again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
}

// === impl Sweeps ===

impl Sweeps {
    pub(super) fn new(judgement: &Judgement<'_>, held: Option<PlanId>) -> Self {
        let step = |action: &Action| Step {
            action: action.as_str(),
            why: action.reason().to_string(),
            at: match action {
                Action::Wait { until, .. } => Some(*until),
                _ => None,
            },
        };
        Self {
            stored: judgement.stored.as_str(),
            does: judgement.actions.iter().map(step).collect(),
            held,
        }
    }
}
