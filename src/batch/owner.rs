//! Owner references, and which of them make a Job a member of a `CronJob`'s family.

use serde::Deserialize;

use super::Text;

/// What we read of an entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct OwnerReference<'a> {
    pub api_version: Text<'a>,
    pub kind: Text<'a>,
    pub name: Text<'a>,
    pub uid: Text<'a>,
    pub controller: Option<bool>,
}

// === impl OwnerReference ===

impl OwnerReference<'_> {
    /// Of the owners of a Job, the `CronJob` to whose family it belongs: the controller, or else the
    /// first of them. The position in the list.
    pub fn family(owners: &[Self]) -> Option<usize> {
        let controls = |owner: &Self| owner.is_cronjob() && owner.controller == Some(true);
        owners.iter().position(controls).or_else(|| owners.iter().position(Self::is_cronjob))
    }

    /// The API group of the owner, without its version; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether the owner is a `CronJob`, controller or not: `kubectl create job --from` of some
    /// versions leaves `controller` out (policy.md, point 12).
    pub fn is_cronjob(&self) -> bool {
        self.group() == "batch" && &*self.kind == "CronJob"
    }
}
