//! The id with which a person approves what is held: revision, cut-off and the count that was
//! shown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `<revision>-<cut-off Unix second>-<count>`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanId {
    pub revision: String,
    /// Unix second.
    pub cutoff: i64,
    pub count: usize,
}

/// A text that is no id of a plan.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "\"{0}\" is no plan id such as 4f1c2a9b03de-1795218000-1300; `curfew status` shows the one to approve"
)]
pub struct BadPlanId(String);

// === impl PlanId ===

impl FromStr for PlanId {
    type Err = BadPlanId;

    fn from_str(text: &str) -> Result<Self, BadPlanId> {
        let parse = || {
            let (rest, count) = text.rsplit_once('-')?;
            let (revision, cutoff) = rest.rsplit_once('-')?;
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let is_revision =
                !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_alphanumeric());
            // `parse` alone takes a sign.
            if !is_revision || !digits(cutoff) || !digits(count) {
                return None;
            }
            let (cutoff, count) = (cutoff.parse().ok()?, count.parse().ok()?);
            Some(Self { revision: revision.to_owned(), cutoff, count })
        };
        parse().ok_or_else(|| BadPlanId(text.to_owned()))
    }
}

impl TryFrom<String> for PlanId {
    type Error = BadPlanId;

    fn try_from(text: String) -> Result<Self, BadPlanId> {
        text.parse()
    }
}

impl From<PlanId> for String {
    fn from(id: PlanId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, cutoff, count } = self;
        write!(f, "{revision}-{cutoff}-{count}")
    }
}
