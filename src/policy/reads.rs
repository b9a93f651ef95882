//! What a policy looks at of an object's metadata, so that whoever keeps objects can keep less.
//!
//! [`Policy::reads`] is the only place that says so. Whatever is left out by it must change no
//! decision: a test keeps that of arbitrary objects and policies and compares
//! (`src/cluster/slim/tests/kept.rs`). What code asks for whatever the policy says is here, too,
//! beside the keys that a file names.

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::annotation::{LAST_APPLIED, SCHEDULED};
use crate::batch::object::ManagedFields;
use crate::batch::owner::OwnerReference;
use crate::policy::model::marks::{HOOKS, Marks};
use crate::policy::model::policy::Policy;
use crate::policy::model::record;
use crate::policy::model::rule::{GroupKind, Match};
use crate::policy::model::settings::GuardKind;

/// What is looked at of labels, annotations, owner references and field managers.
///
/// The default is what is looked at under any policy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reads {
    labels: BTreeSet<String>,
    /// Each with the length, in bytes, of the longest value that it is compared with.
    annotations: BTreeMap<String, usize>,
    /// Owners that are not foreign.
    allow_owners: Vec<GroupKind>,
    /// Field managers that are marks of tools.
    managers: Vec<String>,
}

// === impl Policy ===

impl Policy {
    /// What is looked at of the objects that this policy judges.
    pub fn reads(&self) -> Reads {
        let matchers = || self.rules.iter().map(|rule| &rule.matcher);
        let of_controllers = self.stored.selector.iter().chain(&self.scheduler.selector);
        let selectors = self.exempt.selectors.iter().chain(of_controllers);
        let selected = selectors.flat_map(|selector| &selector.requirements);
        let asked = matchers().flat_map(Match::label_requirements).chain(selected);
        let marks = &self.guards.gitops_marks;
        let labels = asked.map(|requirement| requirement.key.as_str()).chain(marks.label_keys());
        // Of a mark it only counts that it is there.
        let mut annotations: BTreeMap<String, usize> =
            marks.annotations.iter().map(|key| (key.clone(), 0)).collect();
        for asked in matchers().flat_map(|matcher| &matcher.annotations.requirements) {
            let longest = asked.values.iter().map(String::len).max().unwrap_or_default();
            let known = annotations.entry(asked.key.clone()).or_default();
            *known = longest.max(*known);
        }
        Reads {
            labels: labels.map(str::to_owned).collect(),
            annotations,
            allow_owners: self.guards.allow_owners.clone(),
            managers: marks.managers.clone(),
        }
    }
}

// === impl Reads ===

impl Reads {
    /// Whether a label is looked at.
    pub fn label(&self, key: &str) -> bool {
        self.labels.contains(key)
    }

    /// How many bytes of an annotation's value are looked at; `None` where nobody looks at it.
    pub fn annotation(&self, key: &str) -> Option<usize> {
        let named = self.annotations.get(key).copied();
        named.max(built_in(key))
    }

    /// The first owner for which an object is somebody else's.
    pub fn foreign_owner<'o, 'a>(
        &self,
        owners: &'o [OwnerReference<'a>],
    ) -> Option<&'o OwnerReference<'a>> {
        foreign_owner(&self.allow_owners, owners)
    }

    /// Whether a field manager is the mark of a tool.
    pub fn is_tool(&self, manager: &ManagedFields<'_>) -> bool {
        Marks::among(&self.managers, &manager.manager)
    }

    /// Whether what was kept by `self` does for whoever looks at `other`.
    pub fn covers(&self, other: &Self) -> bool {
        let Self { labels, annotations, allow_owners, managers } = self;
        let kept = |(key, longest): (&String, &usize)| {
            annotations.get(key).is_some_and(|kept| kept >= longest)
        };
        labels.is_superset(&other.labels)
            && other.annotations.iter().all(kept)
            // Of owners and managers the first of a kind is kept; for others it is another one.
            && *allow_owners == other.allow_owners
            && *managers == other.managers
    }

    /// As one that looks at an annotation.
    #[cfg(test)]
    pub(crate) fn with_annotation(key: &str) -> Self {
        Self { annotations: [(key.to_owned(), 0)].into(), ..Self::default() }
    }
}

/// The first owner that is neither a `CronJob` nor allowed. Several operators, and agents of
/// multi-cluster tools, write no `controller`.
pub(super) fn foreign_owner<'o, 'a>(
    allow: &[GroupKind],
    owners: &'o [OwnerReference<'a>],
) -> Option<&'o OwnerReference<'a>> {
    let allowed = |owner: &OwnerReference<'_>| {
        allow.iter().any(|own| own.group == owner.group() && own.kind == *owner.kind)
    };
    owners.iter().find(|owner| !owner.is_cronjob() && !allowed(owner))
}

/// What is looked at under any policy: ours, the start that a Job was created for, and what
/// `kubectl apply` remembers, of which [`super::decide::last_applied`] is enough.
fn built_in(key: &str) -> Option<usize> {
    match key {
        record::ANNOTATION | record::HOLD_UNTIL | SCHEDULED => Some(record::MAX_BYTES),
        LAST_APPLIED => Some(usize::MAX),
        // That it is there.
        _ => is_of_guards(key).then_some(0),
    }
}

/// Whether a guard knows an object by this annotation under any policy: a kind that is new says it
/// here, or the sweeper would not see it.
fn is_of_guards(key: &str) -> bool {
    GuardKind::ALL.into_iter().any(|guard| match guard {
        GuardKind::DeployHooks => HOOKS.contains(&key),
        // Owners are kept by themselves, and the marks of tools are the policy's.
        GuardKind::OwnedByOther | GuardKind::GitOpsTracked => false,
    })
}
