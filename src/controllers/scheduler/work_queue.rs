//! Whose turn it is: starts first, by the moment at which they were due; then everything else, in
//! the order in which it came. Only what has waited for long passes a start.

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::name::Name;

use crate::clock::HashMap;

/// `CronJob`s that wait for a pass, each once.
#[derive(Debug, Default)]
pub(super) struct WorkQueue {
    starts: BTreeSet<(Timestamp, Name)>,
    /// With the moment at which each came. One that has become a start stands here still, and is
    /// passed over.
    chores: VecDeque<(Timestamp, Name)>,
    places: HashMap<Name, Place>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Start(Timestamp),
    Chore,
}

// === impl WorkQueue ===

impl WorkQueue {
    /// A start is due since `slot`.
    pub(super) fn start(&mut self, name: Name, slot: Timestamp) {
        if let Some(Place::Start(before)) = self.places.insert(name.clone(), Place::Start(slot)) {
            self.starts.remove(&(before, name.clone()));
        }
        self.starts.insert((slot, name));
    }

    /// Something is to be looked at.
    pub(super) fn chore(&mut self, name: Name, now: Timestamp) {
        if !self.places.contains_key(&name) {
            self.places.insert(name.clone(), Place::Chore);
            self.chores.push_back((now, name));
        }
    }

    /// Takes whose turn it is, and whether a start brought it here.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Name, bool)> {
        self.drop_stale();
        let waited = |since: &Timestamp| now.duration_since(*since) > PATIENCE;
        let is_patient = !self.chores.front().is_some_and(|(since, _)| waited(since));
        if is_patient && let Some((_, name)) = self.starts.pop_first() {
            self.places.remove(&name);
            return Some((name, true));
        }
        let (_, name) = self.chores.pop_front()?;
        self.places.remove(&name);
        Some((name, false))
    }

    /// Forgets a `CronJob`.
    pub(super) fn remove(&mut self, name: &Name) {
        if let Some(Place::Start(slot)) = self.places.remove(name) {
            self.starts.remove(&(slot, name.clone()));
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.places.contains_key(name)
    }

    /// Whether a start waits.
    pub(super) fn has_starts(&self) -> bool {
        !self.starts.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn drop_stale(&mut self) {
        while let Some((_, name)) = self.chores.front()
            && self.places.get(name) != Some(&Place::Chore)
        {
            self.chores.pop_front();
        }
    }
}

/// A cluster that has starts to make all the time must still write them down.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Name, WorkQueue};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn popped(queue: &mut WorkQueue, now: i64) -> Vec<String> {
        std::iter::from_fn(|| queue.pop(at(now))).map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn starts_come_first_by_the_moment_they_were_due() {
        let mut queue = WorkQueue::default();
        queue.chore(Name::new("a", "chore"), at(0));
        queue.start(Name::new("a", "late"), at(60));
        queue.start(Name::new("a", "earlier"), at(0));
        queue.chore(Name::new("a", "late"), at(0));
        assert!(queue.has_starts());
        assert_eq!(queue.pop(at(1)), Some((Name::new("a", "earlier"), true)));
        assert_eq!(popped(&mut queue, 1), ["a/late", "a/chore"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_chore_that_becomes_a_start_has_one_turn() {
        let mut queue = WorkQueue::default();
        queue.chore(Name::new("a", "one"), at(0));
        queue.chore(Name::new("a", "two"), at(0));
        queue.start(Name::new("a", "one"), at(0));
        assert_eq!(popped(&mut queue, 1), ["a/one", "a/two"]);
        queue.chore(Name::new("a", "one"), at(0));
        queue.remove(&Name::new("a", "one"));
        assert_eq!(popped(&mut queue, 1), [""; 0]);
    }

    #[test]
    fn what_has_waited_for_long_passes_a_start() {
        let mut queue = WorkQueue::default();
        queue.chore(Name::new("a", "chore"), at(0));
        queue.start(Name::new("a", "start"), at(1));
        assert_eq!(popped(&mut queue, 31), ["a/chore", "a/start"]);
    }
}
