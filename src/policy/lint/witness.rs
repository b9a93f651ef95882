//! Objects made up to see what a policy would do.
//!
//! Whether two rules can hold together is hard to say in general and easy to show: by an object
//! that both match. [`Witness::of`] tries to make one up and has the rules confirm it, so what is
//! found this way is certain, and what is not found is only not known.

use crate::batch::object::{Metadata, Spec, Status};
use crate::batch::{Kind, Map, Object};
use crate::policy::glob::Glob;
use crate::policy::matching::Matched;
use crate::policy::rule::Match;
use crate::policy::selector::{Operator, Requirement, Selector};
use crate::policy::subject::Subject;

/// A made-up object, as rules see it.
#[derive(Debug)]
pub(super) struct Witness {
    kind: Kind,
    namespace: String,
    namespace_labels: Vec<(String, String)>,
    name: String,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
}

// === impl Witness ===

impl Witness {
    /// An object that all of these match; none of them: one that nothing is said about.
    pub(super) fn of(matches: &[&Match]) -> Option<Self> {
        let mut kinds = [Kind::Job, Kind::CronJob].into_iter();
        let kind =
            kinds.find(|k| matches.iter().all(|m| m.kinds.is_empty() || m.kinds.contains(k)))?;
        let globs = |of: fn(&Match) -> &Vec<Glob>| matches.iter().map(move |m| of(m).as_slice());
        let selectors =
            |of: fn(&Match) -> Option<&Selector>| matches.iter().filter_map(move |m| of(m));
        let mut labels = Vec::new();
        for (key, values) in matches.iter().flat_map(|matcher| &matcher.labels) {
            let operator = Operator::In(values.clone());
            labels.push(Requirement { key: key.clone(), operator });
        }
        labels.extend(requirements(selectors(|m| m.selector.as_ref())));
        let mut annotations = Vec::new();
        for (key, values) in matches.iter().flat_map(|matcher| &matcher.annotations) {
            let operator = Operator::In(values.clone());
            annotations.push(Requirement { key: key.clone(), operator });
        }
        let witness = Self {
            kind,
            namespace: name(globs(|m| &m.namespaces).collect(), "default")?,
            namespace_labels: satisfy(&requirements(selectors(|m| m.namespace_selector.as_ref())))?,
            name: name(globs(|m| &m.names).collect(), "example")?,
            labels: satisfy(&labels)?,
            annotations: satisfy(&annotations)?,
        };
        let confirmed = witness
            .see(|subject| matches.iter().all(|matcher| matcher.check(subject) == Matched::Hit));
        confirmed.then_some(witness)
    }

    /// Shows the object to somebody.
    pub(super) fn see<T>(&self, look: impl FnOnce(&Subject<'_>) -> T) -> T {
        let metadata = Metadata {
            name: Some(self.name.as_str().into()),
            namespace: Some(self.namespace.as_str().into()),
            labels: Some(borrowed(&self.labels)),
            annotations: Some(borrowed(&self.annotations)),
            ..Metadata::default()
        };
        let kind = self.kind;
        let object = Object { kind, metadata, spec: Spec::default(), status: Status::default() };
        let namespace_labels = borrowed(&self.namespace_labels);
        look(&Subject::new(&object, None, &self.namespace, Some(&namespace_labels)))
    }
}

fn borrowed(list: &[(String, String)]) -> Map<'_> {
    list.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

fn requirements<'m>(selectors: impl Iterator<Item = &'m Selector>) -> Vec<Requirement> {
    selectors.flat_map(Selector::requirements).cloned().collect()
}

/// A name that is matched by one glob at least of each list that is not empty.
fn name(lists: Vec<&[Glob]>, otherwise: &str) -> Option<String> {
    let lists: Vec<&[Glob]> = lists.into_iter().filter(|list| !list.is_empty()).collect();
    if lists.is_empty() {
        return Some(otherwise.to_owned());
    }
    let tries = lists.iter().copied().flatten().flat_map(|glob| {
        let text = glob.as_str().replace('?', "x");
        [text.replace('*', ""), text.replace('*', "x")]
    });
    let mut tries = tries.filter(|name| !name.is_empty());
    tries.find(|name| lists.iter().all(|list| list.iter().any(|glob| glob.matches(name))))
}

/// Labels that satisfy all requirements.
fn satisfy(requirements: &[Requirement]) -> Option<Vec<(String, String)>> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for Requirement { key, operator } in requirements {
        if labels.iter().any(|(known, _)| known == key) {
            continue;
        }
        let anything = [String::from("x"), String::from("y")];
        let tries = match operator {
            Operator::In(values) => values.as_slice(),
            Operator::Exists => &anything,
            Operator::DoesNotExist | Operator::NotIn(_) => continue,
        };
        let others = || requirements.iter().filter(|other| other.key == *key);
        let value = tries.iter().find(|value| others().all(|other| other.accepts(Some(value))))?;
        labels.push((key.clone(), value.clone()));
    }
    Some(labels)
}
