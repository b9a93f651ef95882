//! How a person and the leader talk about what is held: two annotations on the Lease. The person
//! writes a [`PlanId`] as the request; the leader takes it away and leaves an [`Approval`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PlanId;

/// What the leader said to the last request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    pub plan: PlanId,
    /// Why it was refused; `None` where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    pub at: Timestamp,
}

// === impl Approval ===

impl Approval {
    /// The annotation with the request: a plan's id as it was shown.
    pub const REQUEST: &'static str = "curfew.dev/approve";
    /// The annotation with the answer.
    pub const ANSWER: &'static str = "curfew.dev/approval";

    /// Reads the answer; `None` where there is none that this build understands.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        serde_json::from_str(text?).ok()
    }

    /// The answer's text.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and times are always JSON")
    }
}
