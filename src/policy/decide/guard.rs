//! Guards: what shows that an object is somebody else's business (policy.md, point 4).

use crate::batch::object::Metadata;
use crate::batch::{Kind, Object};
use crate::policy::resolve::Resolved;
use crate::policy::rule::{GitOpsMarks, Guard, GuardKind, Policy};

use super::Input;

/// A guard that hit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GuardHit {
    pub guard: GuardKind,
    /// What the policy says to do about it.
    pub setting: Guard,
    /// What gave it away, such as `annotation helm.sh/hook`.
    pub evidence: String,
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

/// What shows that a GitOps tool tracks an object, looked for on its own metadata only.
///
/// A field manager counts with a suffix too (`pulumi-kubernetes-1a2b3c4d`): such tools tell their
/// installations apart that way, and a guard rather hits too often.
pub(super) fn gitops_mark(marks: &GitOpsMarks, metadata: &Metadata<'_>) -> Option<String> {
    let GitOpsMarks { labels, annotations, managers } = marks;
    if let Some(key) = labels.iter().find(|key| metadata.label(key).is_some()) {
        return Some(format!("label {key}"));
    }
    if let Some(key) = annotations.iter().find(|key| metadata.annotation(key).is_some()) {
        return Some(format!("annotation {key}"));
    }
    let is_tool = |manager: &str| {
        managers.iter().any(|tool| {
            manager
                .strip_prefix(tool.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    };
    let entry = metadata.managers().iter().find(|entry| is_tool(&entry.manager))?;
    Some(format!("field manager {}", &*entry.manager))
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
        GuardKind::GitOpsTracked if alone => {
            gitops_mark(&policy.guards.gitops_marks, &object.metadata)
        }
        GuardKind::DeployHooks | GuardKind::GitOpsTracked => None,
    }
}

fn foreign_owner(policy: &Policy, object: &Object<'_>) -> Option<String> {
    let allowed = |group: &str, kind: &str| {
        policy.guards.allow_owners.iter().any(|own| own.group == group && own.kind == kind)
    };
    let owner = object.metadata.owners().iter().find(|owner| {
        owner.is_controller() && !owner.is_cronjob() && !allowed(owner.group(), &owner.kind)
    })?;
    Some(format!("controller {}/{} {}", owner.group(), &*owner.kind, &*owner.name))
}

/// Annotations that make a Job a step of a deployment.
pub const HOOKS: [&str; 2] = ["helm.sh/hook", "argocd.argoproj.io/hook"];
