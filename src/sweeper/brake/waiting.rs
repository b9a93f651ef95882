//! Who waits for a person: what the leader puts into its status, its Events and its metrics.

use serde::{Deserialize, Serialize};

use super::PlanId;

/// One thing that a person can approve.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    pub plan: PlanId,
    /// Where the revision is undecided: how many finished Jobs cannot be judged yet. `None` for a
    /// hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<usize>,
    /// The namespaces with the most Jobs, those first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<Share>,
    /// Further namespaces.
    #[serde(default)]
    pub others: usize,
}

/// How many Jobs of a namespace wait.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    pub namespace: String,
    pub count: usize,
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn new(plan: PlanId, unknown: Option<usize>, mut who: Vec<Share>) -> Self {
        let others = who.len().saturating_sub(NAMED);
        who.truncate(NAMED);
        Self { plan, unknown, who, others }
    }

    /// The namespaces in a few words; nothing where none is known.
    pub fn who(&self) -> String {
        Share::list(&self.who, self.others)
    }
}

// === impl Share ===

impl Share {
    pub(super) fn new(namespace: &str, count: usize) -> Self {
        Self { namespace: namespace.to_owned(), count }
    }

    /// For people: `team-a 201, team-b 3 and 7 more`.
    pub fn list(shares: &[Self], others: usize) -> String {
        let shares: Vec<String> =
            shares.iter().map(|Self { namespace, count }| format!("{namespace} {count}")).collect();
        let more = if others > 0 { format!(" and {others} more") } else { String::new() };
        shares.join(", ") + &more
    }

    /// Those with the most first.
    pub(super) fn all<'c>(counts: impl IntoIterator<Item = (&'c String, usize)>) -> Vec<Self> {
        let shares = counts.into_iter().map(|(name, count)| Self::new(name, count));
        let mut shares: Vec<Self> = shares.filter(|share| share.count > 0).collect();
        shares.sort_by_key(|share| std::cmp::Reverse(share.count));
        shares
    }
}

/// So many namespaces are named: enough to know whom to ask, and few enough for a line, the Lease
/// and a metric.
const NAMED: usize = 5;
