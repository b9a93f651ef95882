//! Guards: what shows that an object is somebody else's business (policy.md, point 4).

use serde::Serialize;

use super::resolve::Resolved;
use crate::batch::text::cut;
use crate::batch::{Kind, Object};
use crate::policy::model::marks::HOOKS;
use crate::policy::model::policy::Policy;
use crate::policy::model::rule::GroupKind;
use crate::policy::model::settings::{Guard, GuardKind};
use crate::policy::reads;

use super::input::Input;

/// A guard that hit.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct GuardHit {
    pub guard: GuardKind,
    /// What the policy says to do about it.
    pub setting: Guard,
    /// What gave it away, such as `annotation helm.sh/hook`.
    pub evidence: String,
}

// === impl GuardHit ===

impl std::fmt::Display for GuardHit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.guard.as_str(), self.evidence)
    }
}

/// Every guard that hits, in the order of [`GuardKind::ALL`].
pub(super) fn hits(policy: &Policy, resolved: &Resolved<'_>, input: &Input<'_>) -> Vec<GuardHit> {
    GuardKind::ALL
        .into_iter()
        .filter_map(|guard| {
            let evidence = evidence(policy, guard, input)?;
            Some(GuardHit { guard, setting: resolved.guard(guard), evidence })
        })
        .collect()
}

fn evidence(policy: &Policy, guard: GuardKind, input: &Input<'_>) -> Option<String> {
    let object = input.object;
    let alone = object.kind == Kind::Job && object.cronjob_owner().is_none();
    match guard {
        GuardKind::OwnedByOther => foreign_owner(policy, object)
            .or_else(|| input.cronjob.and_then(|cronjob| foreign_owner(policy, cronjob))),
        GuardKind::DeployHooks if alone => HOOKS
            .into_iter()
            .find(|key| object.metadata.annotation(key).is_some())
            .map(|key| format!("annotation {key}")),
        GuardKind::GitOpsTracked if alone => policy.guards.gitops_marks.evidence(&object.metadata),
        GuardKind::DeployHooks | GuardKind::GitOpsTracked => None,
    }
}

fn foreign_owner(policy: &Policy, object: &Object<'_>) -> Option<String> {
    let owner = reads::foreign_owner(&policy.guards.allow_owners, object.metadata.owners())?;
    let kind = GroupKind { group: owner.group().to_owned(), kind: (*owner.kind).to_owned() };
    Some(cut(&format!("owner {kind} {}", &*owner.name), LONGEST_EVIDENCE).to_owned())
}

/// A name that somebody else chose may have any length.
pub const LONGEST_EVIDENCE: usize = 300;
