//! The id with which a person approves what is held: revision, cut-off, the count that was shown,
//! and the namespace where it is about one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Hold;

/// `<revision>-<cut-off Unix second>-<count>`, and `-<namespace>` where it is about one.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanId {
    pub revision: String,
    /// Unix second.
    pub cutoff: i64,
    pub count: usize,
    /// `None` where it is about all.
    pub namespace: Option<String>,
}

/// A text that is no id of a plan.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "\"{0}\" is no plan id such as 4f1c2a9b03de-1795218000-1300; `curfew status` shows the one to approve"
)]
pub struct BadPlanId(String);

// === impl PlanId ===

impl PlanId {
    /// The id of a hold as it began.
    pub fn of(hold: &Hold) -> Self {
        Self {
            revision: hold.revision.clone(),
            cutoff: hold.cutoff.as_second(),
            count: hold.count,
            namespace: hold.namespace().map(ToOwned::to_owned),
        }
    }

    /// Whether it is about this hold, however many Jobs it names.
    pub fn is_of(&self, hold: &Hold) -> bool {
        self.is_same_plan(&Self::of(hold))
    }

    /// Whether both are about the same, however many Jobs they name.
    pub fn is_same_plan(&self, other: &Self) -> bool {
        let Self { revision, cutoff, count: _, namespace } = self;
        *revision == other.revision && *cutoff == other.cutoff && *namespace == other.namespace
    }
}

impl FromStr for PlanId {
    type Err = BadPlanId;

    fn from_str(text: &str) -> Result<Self, BadPlanId> {
        let parse = || {
            let mut parts = text.splitn(4, '-');
            let (revision, cutoff, count) = (parts.next()?, parts.next()?, parts.next()?);
            let namespace = parts.next();
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let is_revision =
                !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let is_namespace =
                namespace.is_none_or(|name| !name.is_empty() && name.bytes().all(is_label));
            // `parse` alone takes a sign.
            if !is_revision || !digits(cutoff) || !digits(count) || !is_namespace {
                return None;
            }
            let (cutoff, count) = (cutoff.parse().ok()?, count.parse().ok()?);
            let namespace = namespace.map(ToOwned::to_owned);
            Some(Self { revision: revision.to_owned(), cutoff, count, namespace })
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
        let Self { revision, cutoff, count, namespace } = self;
        write!(f, "{revision}-{cutoff}-{count}")?;
        namespace.iter().try_for_each(|name| write!(f, "-{name}"))
    }
}
