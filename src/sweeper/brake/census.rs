//! How many finished Jobs are at risk, and where.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::window::Due;
use super::{Hold, Risk};

/// How many finished Jobs are at risk. Always of a complete reading of the cluster: what is
/// missing would look like gone. A Job that its TTL and its family's limit end counts twice: the
/// brake rather trips too early.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Census {
    namespaces: BTreeMap<String, Count>,
    /// How many each hold of the memory holds, by namespace: holds come and go between a count and
    /// what is made of it.
    held: Vec<(Hold, BTreeMap<String, usize>)>,
}

/// The same of one namespace.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Count {
    /// Due at the load or within the hour.
    pub(super) due: Due,
    /// Finished Jobs that cannot be judged yet.
    pub(super) unknown: usize,
}

// === impl Census ===

impl Census {
    /// An empty one, to count what these hold.
    pub(super) fn new(holds: &[Hold]) -> Self {
        let held = holds.iter().map(|hold| (hold.clone(), BTreeMap::new())).collect();
        Self { namespaces: BTreeMap::new(), held }
    }

    pub(super) fn namespace(&mut self, name: &str) -> &mut Count {
        entry(&mut self.namespaces, name)
    }

    /// Counts a Job of a namespace for each hold that holds it.
    pub(super) fn add_held(&mut self, namespace: &str, risk: &Risk) {
        for (_, counts) in self.held.iter_mut().filter(|(hold, _)| hold.holds(namespace, risk)) {
            *entry(counts, namespace) += 1;
        }
    }

    pub(super) fn namespaces(&self) -> impl Iterator<Item = (&str, &Count)> {
        self.namespaces.iter().map(|(name, count)| (name.as_str(), count))
    }

    /// What a hold holds, by namespace; `None` where it came after the count.
    pub(super) fn held_by(&self, hold: &Hold) -> Option<&BTreeMap<String, usize>> {
        self.held.iter().find(|(other, _)| other.is_same(hold)).map(|(_, counts)| counts)
    }

    /// How many that is.
    pub(super) fn held(&self, hold: &Hold) -> Option<usize> {
        self.held_by(hold).map(|counts| counts.values().sum())
    }

    /// Those due, by namespace.
    pub(super) fn due_by_namespace(&self) -> impl Iterator<Item = (&String, usize)> {
        self.namespaces.iter().map(|(name, count)| (name, count.due.count))
    }

    /// Those due and those unknown, by namespace.
    pub(super) fn open_by_namespace(&self) -> impl Iterator<Item = (&String, usize)> {
        self.namespaces.iter().map(|(name, count)| (name, count.due.count + count.unknown))
    }

    pub(super) fn made_due(&self) -> usize {
        self.namespaces.values().map(|count| count.due.made).sum()
    }

    pub(super) fn due(&self) -> usize {
        self.namespaces.values().map(|count| count.due.count).sum()
    }

    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.namespaces.values().filter_map(|count| count.due.latest).max()
    }

    /// Finished Jobs that cannot be judged yet, in this namespace or in all of them.
    pub(super) fn unknown(&self, namespace: Option<&str>) -> usize {
        match namespace {
            Some(name) => self.namespaces.get(name).map_or(0, |count| count.unknown),
            None => self.namespaces.values().map(|count| count.unknown).sum(),
        }
    }
}

// === impl Count ===

impl Count {
    /// What the policy makes due, or may.
    pub(super) const fn open(&self) -> usize {
        self.due.made.saturating_add(self.unknown)
    }
}

/// The entry of a name, which is copied for the first one only.
fn entry<'m, T: Default>(map: &'m mut BTreeMap<String, T>, name: &str) -> &'m mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    map.get_mut(name).expect("it is there by now")
}
