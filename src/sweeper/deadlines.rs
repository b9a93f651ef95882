//! Which object is due next, by the wall clock.
//!
//! One deadline a key; setting another replaces it. The queue is filled anew from objects after a
//! restart, so nothing is lost with it, and no polling interval decides how late anything is.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use jiff::Timestamp;

/// Keys by the moment at which they are due.
#[derive(Clone, Debug)]
pub struct Deadlines<K> {
    order: BTreeSet<(Timestamp, K)>,
    by_key: HashMap<K, Timestamp>,
}

// === impl Deadlines ===

impl<K: Clone + Eq + Hash + Ord> Deadlines<K> {
    /// Makes a key due at this moment, and at no other.
    pub fn set(&mut self, key: K, at: Timestamp) {
        if let Some(before) = self.by_key.insert(key.clone(), at) {
            if before == at {
                return;
            }
            self.order.remove(&(before, key.clone()));
        }
        self.order.insert((at, key));
    }

    /// Forgets a key; says when it would have been due.
    pub fn remove(&mut self, key: &K) -> Option<Timestamp> {
        let at = self.by_key.remove(key)?;
        self.order.remove(&(at, key.clone()));
        Some(at)
    }

    /// Takes the key that has been due for longest, if one is due: exactly at the deadline counts,
    /// as it does for the built-in controller.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        if self.next_deadline()? > now {
            return None;
        }
        let (at, key) = self.order.pop_first()?;
        self.by_key.remove(&key);
        Some((at, key))
    }

    /// The nearest deadline.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// When a key is due.
    pub fn deadline_of(&self, key: &K) -> Option<Timestamp> {
        self.by_key.get(key).copied()
    }

    /// Gives back the memory of many keys that are done.
    pub fn shrink(&mut self) {
        self.by_key.shrink_to_fit();
    }
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), by_key: HashMap::new() }
    }
}
