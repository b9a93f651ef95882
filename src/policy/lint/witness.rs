//! Objects made up to see what a policy would do.
//!
//! Whether two rules can hold together is hard to say in general and easy to show: by an object
//! that both match. [`Witness::of`] tries to make one up and has the rules confirm it, so what is
//! found this way is certain, and what is not found is only not known.

use std::collections::{HashMap, HashSet};

use crate::batch::object::{Metadata, Spec, Status};
use crate::batch::{Kind, Map, Object};
use crate::policy::lint::patience::Patience;
use crate::policy::model::glob::Glob;
use crate::policy::model::matching::Matched;
use crate::policy::model::rule::Match;
use crate::policy::model::selector::{Operator, Requirement, Selector};
use crate::policy::model::subject::Subject;

/// A made-up object, as rules see it.
#[derive(Debug)]
pub(super) struct Witness {
    kind: Kind,
    namespace: String,
    namespace_labels: Vec<(String, String)>,
    name: String,
    pub(super) labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
}

/// What is asked of the value of one key.
struct Ask<'m> {
    asked: &'m Requirement,
    /// Its values, to look them up.
    values: HashSet<&'m str>,
}

// === impl Witness ===

impl Witness {
    /// An object that all of these match; none of them: one that nothing is said about.
    pub(super) fn of(matches: &[&Match], patience: &Patience) -> Option<Self> {
        if !patience.spend(matches.iter().map(|matcher| matcher.size()).sum()) {
            return None;
        }
        let mut kinds = [Kind::Job, Kind::CronJob].into_iter();
        let kind =
            kinds.find(|k| matches.iter().all(|m| m.kinds.is_empty() || m.kinds.contains(k)))?;
        let globs = |of: fn(&Match) -> &Vec<Glob>| matches.iter().map(move |m| of(m).as_slice());
        let selectors = |of: fn(&Match) -> Option<&Selector>| {
            matches.iter().filter_map(move |m| of(m)).flat_map(|selector| &selector.requirements)
        };
        let labels = selectors(|m| Some(&m.labels)).chain(selectors(|m| m.selector.as_ref()));
        let witness = Self {
            kind,
            namespace: name(globs(|m| &m.namespaces).collect(), "default", patience)?,
            namespace_labels: satisfy(selectors(|m| m.namespace_selector.as_ref()), patience)?,
            name: name(globs(|m| &m.names).collect(), "example", patience)?,
            labels: satisfy(labels, patience)?,
            annotations: satisfy(selectors(|m| Some(&m.annotations)), patience)?,
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

/// A name that is matched by one glob at least of each list that is not empty.
fn name(lists: Vec<&[Glob]>, otherwise: &str, patience: &Patience) -> Option<String> {
    let lists: Vec<&[Glob]> = lists.into_iter().filter(|list| !list.is_empty()).collect();
    if lists.is_empty() {
        return Some(otherwise.to_owned());
    }
    let tries = lists.iter().copied().flatten().flat_map(|glob| {
        let text = glob.as_str().replace('?', "x");
        [text.replace('*', ""), text.replace('*', "x")]
    });
    let mut tries = tries.filter(|name| !name.is_empty());
    let matches = |glob: &Glob, name: &str| {
        patience.spend(glob.as_str().len() + name.len()) && glob.matches(name)
    };
    tries
        .by_ref()
        .take_while(|_| !patience.is_out())
        .find(|name| lists.iter().all(|list| list.iter().any(|glob| matches(glob, name))))
}

/// Labels that satisfy all that is asked.
fn satisfy<'m>(
    asked: impl Iterator<Item = &'m Requirement>,
    patience: &Patience,
) -> Option<Vec<(String, String)>> {
    let mut keys: Vec<&str> = Vec::new();
    let mut by_key: HashMap<&str, Vec<Ask<'_>>> = HashMap::new();
    for one in asked {
        let asked = by_key.entry(&one.key).or_default();
        if asked.is_empty() {
            keys.push(&one.key);
        }
        asked.push(Ask { asked: one, values: one.values.iter().map(String::as_str).collect() });
    }
    let mut labels = Vec::new();
    for key in keys {
        let asked = &by_key[key];
        let anything = ["x".to_owned(), "y".to_owned()];
        let tries = asked.iter().find_map(|ask| match ask.asked.operator {
            Operator::In => Some(ask.asked.values.as_slice()),
            Operator::Exists => Some(anything.as_slice()),
            Operator::DoesNotExist | Operator::NotIn => None,
        });
        let Some(tries) = tries else { continue };
        let holds = |ask: &Ask<'_>, value: &str| patience.spend(1) && ask.accepts(value);
        let mut tries = tries.iter().take_while(|_| !patience.is_out());
        let value = tries.find(|value| asked.iter().all(|ask| holds(ask, value)))?;
        labels.push((key.to_owned(), value.clone()));
    }
    Some(labels)
}

// === impl Ask ===

impl Ask<'_> {
    fn accepts(&self, value: &str) -> bool {
        match self.asked.operator {
            Operator::DoesNotExist => false,
            Operator::Exists => true,
            Operator::In => self.values.contains(value),
            Operator::NotIn => !self.values.contains(value),
        }
    }
}
