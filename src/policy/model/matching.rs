//! Whether a rule matches an object, and if not, which of its fields missed.

use super::rule::{Match, Rule};
use super::selector::Selector;
use super::subject::Subject;
use crate::batch::Kind;

/// What became of matching one rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Matched {
    Hit,
    /// The first field that does not hold.
    Miss(Missed),
    /// Everything else holds, and the rule asks for labels of a namespace that nobody knows.
    Unknown,
}

/// The field of `match` that missed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Missed {
    /// The key that has another value, or none.
    Annotation(String),
    Kinds,
    /// As `Annotation`.
    Label(String),
    Names,
    NamespaceSelector,
    Namespaces,
    Selector,
}

// === impl Match ===

impl Match {
    /// Asks the fields in the order in which people write them; the namespace selector last,
    /// since its answer may be unknown and a miss elsewhere makes that irrelevant.
    pub fn check(&self, subject: &Subject<'_>) -> Matched {
        let Self { kinds, namespaces, namespace_selector, names, labels, annotations, selector } =
            self;
        let kind = if subject.in_family { Kind::CronJob } else { Kind::Job };
        if !kinds.is_empty() && !kinds.contains(&kind) {
            return Matched::Miss(Missed::Kinds);
        }
        if !namespaces.is_empty() && !namespaces.iter().any(|g| g.matches(subject.namespace)) {
            return Matched::Miss(Missed::Namespaces);
        }
        if !names.is_empty() && !names.iter().any(|glob| glob.matches(subject.name)) {
            return Matched::Miss(Missed::Names);
        }
        if let Some(missing) = labels.first_missing(|key| subject.label(key)) {
            return Matched::Miss(Missed::Label(missing.key.clone()));
        }
        if let Some(missing) = annotations.first_missing(|key| subject.annotation(key)) {
            return Matched::Miss(Missed::Annotation(missing.key.clone()));
        }
        if selector.as_ref().is_some_and(|s| !s.matches(|key| subject.label(key))) {
            return Matched::Miss(Missed::Selector);
        }
        match namespace_selector.as_ref().map(|selector| namespace_holds(selector, subject)) {
            None | Some(Some(true)) => Matched::Hit,
            Some(Some(false)) => Matched::Miss(Missed::NamespaceSelector),
            Some(None) => Matched::Unknown,
        }
    }
}

/// Whether the namespace satisfies a selector; `None` where its labels are not known.
pub(in crate::policy) fn namespace_holds(
    selector: &Selector,
    subject: &Subject<'_>,
) -> Option<bool> {
    let labels = subject.namespace_labels?;
    Some(selector.matches(|key| labels.get(key)))
}

/// One line of `explain`: a rule and what became of it.
#[derive(Debug)]
pub struct RuleTrace<'p> {
    pub rule: &'p Rule,
    pub matched: Matched,
}
