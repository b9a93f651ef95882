//! What the leader says of itself, in one annotation on the Lease: whoever may read the Lease can
//! ask how the sweeper is doing, without reaching a Pod.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::brake::Waiting;
use super::reach::Reach;
use crate::named::named;

/// How the sweeper is doing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// Of the build.
    pub version: String,
    /// Of the policy that it acts by.
    pub revision: String,
    /// When everything that is stored was last looked at.
    pub swept: Option<Timestamp>,
    /// Stored Jobs by state.
    pub jobs: BTreeMap<String, u64>,
    pub builtin_ttl: BuiltinTtl,
    /// Seconds past its due time of the Job that shows it: the oldest one whose own TTL is over.
    pub builtin_ttl_lag: Option<i64>,
    /// What the policy needs and we may not do, each with how to mend it.
    pub missing_rights: Vec<String>,
    /// Where it writes; elsewhere it only looks.
    #[serde(skip_serializing_if = "Reach::is_everywhere")]
    pub writes: Reach,
    /// What waits for a person, and whose Jobs these are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brake: Vec<Waiting>,
    /// Seconds that this clock is behind the API server's.
    pub clock_offset: f64,
    /// Why nothing is deleted just now, whatever is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

named! {
    /// Whether the built-in TTL controller works, judged from Jobs whose own TTL is over.
    #[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub enum BuiltinTtl {
        /// No Job with a TTL of its own has expired yet.
        #[default]
        Unknown = "unknown",
        /// Expired Jobs go at once.
        Working = "working",
        /// They go, late.
        Slow = "slow",
        /// They stay.
        Off = "off",
    }
}

// === impl Status ===

impl Status {
    /// The annotation on the Lease.
    pub const ANNOTATION: &'static str = "curfew.dev/status";

    /// Reads the annotation; `None` where there is none, or none that this build understands.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        serde_json::from_str(text?).ok()
    }

    /// The annotation's value.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and times are always JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, Status};

    /// Builds of different versions read each other's.
    #[test]
    fn it_reads_what_says_less_and_what_says_more() {
        let less = Status::parse(Some(r#"{"version":"0.1.0","revision":"r1"}"#)).unwrap();
        assert!(less.writes.is_everywhere() && !less.to_text().contains("writes"));
        let confined = Status { writes: Reach::only(["a".to_owned()]), ..less };
        let text = confined.to_text();
        assert!(text.contains(r#""writes":["a"]"#), "{text}");
        assert_eq!(Status::parse(Some(&text)), Some(confined.clone()));
        let more = text.replacen('{', r#"{"unheardOf":1,"#, 1);
        assert_eq!(Status::parse(Some(&more)), Some(confined));
    }
}
