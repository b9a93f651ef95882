//! Which keys of an object's annotations and labels are worth their memory.

use std::collections::BTreeSet;

use crate::batch::annotation::{LAST_APPLIED, SCHEDULED};
use crate::policy::Policy;
use crate::policy::decide::HOOKS;
use crate::policy::record;
use crate::policy::rule::SchedulerMode;
use crate::policy::selector::Selector;

/// The keys that are kept while decoding.
///
/// Annotations can be long and are mostly other people's: only those that a guard or the policy
/// names are kept, and ours. Labels are kept, but for those that the API server copies into every
/// Job: they are different in each, so they would be the larger half of its memory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Keep {
    /// Beyond [`BUILT_IN`].
    annotations: BTreeSet<String>,
    /// Those of [`GENERATED`] that the policy names nevertheless.
    generated: BTreeSet<String>,
    /// Whether anything asks for the labels of namespaces. Those are kept whole, so this says
    /// nothing of what was decoded, only whether they have to be watched.
    namespaces: bool,
    /// Whether `CronJob`s are started from what is kept, which then has to have their templates.
    templates: bool,
}

// === impl Keep ===

impl Keep {
    /// What a policy needs.
    pub fn of(policy: &Policy) -> Self {
        let rules = || policy.rules.iter().map(|rule| &rule.matcher);
        let marks = &policy.guards.gitops_marks;
        let annotations = rules()
            .flat_map(|matcher| matcher.annotations.iter().map(|(key, _)| key))
            .chain(&marks.annotations);
        let selectors = rules()
            .filter_map(|matcher| matcher.selector.as_ref())
            .chain(&policy.exempt.selectors)
            .chain(&policy.stored.selector)
            .chain(&policy.scheduler.selector);
        let labels = rules()
            .flat_map(|matcher| matcher.labels.iter().map(|(key, _)| key))
            .chain(&marks.labels)
            .chain(selectors.flat_map(Selector::requirements).map(|one| &one.key));
        Self {
            annotations: annotations
                .filter(|key| !is_built_in(key))
                .map(ToString::to_string)
                .collect(),
            generated: labels
                .filter(|key| GENERATED.contains(&key.as_str()))
                .map(ToString::to_string)
                .collect(),
            namespaces: policy.needs_namespace_labels(),
            templates: policy.scheduler.mode == SchedulerMode::Own,
        }
    }

    /// Whether namespaces have to be watched.
    pub fn needs_namespaces(&self) -> bool {
        self.namespaces
    }

    /// Whether the templates of `CronJob`s are kept.
    pub fn templates(&self) -> bool {
        self.templates
    }

    /// What is kept of a `CronJob` that is read in order to start it.
    #[must_use]
    pub fn with_templates(&self) -> Self {
        Self { templates: true, ..self.clone() }
    }

    /// What one that reads an annotation needs.
    #[cfg(test)]
    pub(crate) fn with_annotation(key: &str) -> Self {
        Self { annotations: [key.to_owned()].into(), ..Self::default() }
    }

    /// Whether what was decoded with `self` does for whoever needs `other`.
    pub fn covers(&self, other: &Self) -> bool {
        self.annotations.is_superset(&other.annotations)
            && self.generated.is_superset(&other.generated)
            && (self.templates || !other.templates)
    }

    /// Whether an annotation is kept.
    pub fn annotation(&self, key: &str) -> bool {
        is_built_in(key) || self.annotations.contains(key)
    }

    /// Whether a label is kept.
    pub fn label(&self, key: &str) -> bool {
        !GENERATED.contains(&key) || self.generated.contains(key)
    }
}

fn is_built_in(key: &str) -> bool {
    key.starts_with(record::PREFIX) || HOOKS.contains(&key) || BUILT_IN.contains(&key)
}

/// Of a Job, the start that it was created for; and what `kubectl apply`
/// remembers, which is shortened to the few numbers that are read.
const BUILT_IN: [&str; 2] = [SCHEDULED, LAST_APPLIED];

/// Labels of the Pod template that the API server makes, and copies to a Job without labels.
const GENERATED: [&str; 4] = [
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
];
