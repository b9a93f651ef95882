//! Strings and lists that are the same in many objects, held once.

use std::borrow::Borrow;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

use arcstr::ArcStr;

use crate::clock::HashSet;

/// A shared string. One word wide: there are a dozen in every stored Job.
pub type Symbol = ArcStr;

/// Gives the same value for equal ones: [`Symbol`]s, and lists of managers and of owners, which
/// hardly ever differ.
#[derive(Debug)]
pub struct Interner<T> {
    pub(super) known: HashSet<T>,
    /// How many may be known before those that nobody uses any more are dropped.
    limit: usize,
}

/// A pointer that knows how many there are to the same value.
pub trait Shared {
    /// Whether somebody else holds it, too.
    fn is_shared(&self) -> bool;
}

impl Shared for Symbol {
    fn is_shared(&self) -> bool {
        Self::strong_count(self).is_none_or(|count| count > 1)
    }
}

impl<T: ?Sized> Shared for Arc<T> {
    fn is_shared(&self) -> bool {
        Self::strong_count(self) > 1
    }
}

// === impl Interner ===

impl<T: Shared + Clone + Eq + Hash + Deref + Borrow<T::Target>> Interner<T>
where
    T::Target: Eq + Hash,
{
    /// The shared form of a value.
    pub fn intern(&mut self, value: impl Into<T> + Borrow<T::Target>) -> T {
        if let Some(known) = self.known.get(value.borrow()) {
            return known.clone();
        }
        if self.known.len() >= self.limit {
            self.prune();
        }
        let shared = value.into();
        self.known.insert(shared.clone());
        shared
    }

    /// Forgets what nobody else holds.
    pub fn prune(&mut self) {
        self.known.retain(T::is_shared);
        self.known.shrink_to_fit();
        // Twice what is in use: the walk over all of them is paid for by as many insertions.
        self.limit = (self.known.len() * 2).max(SMALLEST_LIMIT);
    }
}

impl Interner<Symbol> {
    /// The symbol of a text.
    pub fn symbol(&mut self, text: &str) -> Symbol {
        self.intern(text)
    }
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { known: HashSet::default(), limit: 0 }
    }
}

const SMALLEST_LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::{Interner, SMALLEST_LIMIT, Symbol};

    #[test]
    fn the_same_text_is_held_once() {
        let mut interner = Interner::<Symbol>::default();
        let (one, two) = (interner.symbol("team-a"), interner.symbol("team-a"));
        assert!(std::ptr::eq(&raw const *one, &raw const *two));
        assert_eq!(interner.known.len(), 1);
        assert_eq!(size_of_val(&one), size_of::<usize>());
    }

    #[test]
    fn what_nobody_uses_is_forgotten_without_being_asked() {
        let mut interner = Interner::<Symbol>::default();
        let kept = interner.symbol("kept");
        for number in 0..10 * SMALLEST_LIMIT {
            interner.symbol(&number.to_string());
        }
        assert!(interner.known.len() <= SMALLEST_LIMIT, "{}", interner.known.len());
        assert!(std::ptr::eq(&raw const *kept, &raw const *interner.symbol("kept")));
    }
}
