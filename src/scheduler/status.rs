//! What the leader says of the scheduler, in one annotation on the Lease.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::takeover::Takeover;

/// How the scheduler is doing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// `spec.scheduler.mode` of the policy in use.
    pub mode: String,
    /// When this was said.
    pub at: Option<Timestamp>,
    /// How far `Own` is; `None` in other modes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takeover: Option<Takeover>,
    /// `CronJob`s by state.
    #[serde(rename = "cronjobs")]
    pub cron_jobs: BTreeMap<String, u64>,
    /// What the mode needs and we may not do, each with how to mend it.
    pub missing_rights: Vec<String>,
    /// Why nothing is started just now, whatever is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

// === impl Status ===

impl Status {
    /// The annotation on the Lease.
    pub const ANNOTATION: &'static str = "curfew.dev/scheduler";

    /// Reads the annotation; `None` where there is none, or none that this build understands.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        serde_json::from_str(text?).ok()
    }

    /// The annotation's value.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and times are always JSON")
    }

    /// Until when the leader who said this surely started `CronJob`s.
    pub fn owned_until(&self) -> Option<Timestamp> {
        self.at.filter(|_| self.takeover.as_ref().is_some_and(Takeover::owns))
    }
}
