//! Strings that are the same in many objects, held once.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

use crate::clock::HashSet;

/// A shared string. One word wide: there are a dozen in every stored Job, and the second step to
/// the characters costs less than the memory would.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Symbol(Arc<Inner>);

/// Holds the characters apart from the count, which keeps the pointer to both thin.
#[derive(Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Inner(Box<str>);

/// Gives the same [`Symbol`] for the same text.
#[derive(Debug, Default)]
pub struct Interner {
    known: HashSet<Symbol>,
    /// How many may be known before those that nobody uses any more are dropped.
    limit: usize,
}

/// Gives the same list for equal ones: those of managers and of owners hardly ever differ.
#[derive(Debug)]
pub struct Lists<T> {
    known: HashSet<Arc<[T]>>,
    limit: usize,
}

// === impl Symbol ===

impl Deref for Symbol {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.0
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Symbol {
    fn from(text: &str) -> Self {
        Self(Arc::new(Inner(text.into())))
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

// === impl Interner ===

impl Interner {
    /// The symbol of a text.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.known.get(text) {
            return symbol.clone();
        }
        if self.known.len() >= self.limit {
            self.prune();
        }
        let symbol = Symbol::from(text);
        self.known.insert(symbol.clone());
        symbol
    }

    /// Forgets every symbol that nobody else holds.
    pub fn prune(&mut self) {
        self.known.retain(|symbol| Arc::strong_count(&symbol.0) > 1);
        self.known.shrink_to_fit();
        // Twice what is in use: the walk over all of them is paid for by as many insertions.
        self.limit = (self.known.len() * 2).max(SMALLEST_LIMIT);
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

// === impl Lists ===

impl<T: Eq + Hash> Lists<T> {
    /// The shared form of a list.
    pub fn intern(&mut self, list: Vec<T>) -> Arc<[T]> {
        if let Some(known) = self.known.get(list.as_slice()) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.limit {
            self.prune();
        }
        let shared: Arc<[T]> = list.into();
        self.known.insert(Arc::clone(&shared));
        shared
    }

    /// As [`Interner::prune`].
    pub fn prune(&mut self) {
        self.known.retain(|list| Arc::strong_count(list) > 1);
        self.known.shrink_to_fit();
        self.limit = (self.known.len() * 2).max(SMALLEST_LIMIT);
    }
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { known: HashSet::default(), limit: 0 }
    }
}

const SMALLEST_LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::{Interner, SMALLEST_LIMIT};

    #[test]
    fn the_same_text_is_held_once() {
        let mut interner = Interner::default();
        let (one, two) = (interner.intern("team-a"), interner.intern("team-a"));
        assert!(std::ptr::eq(&raw const *one, &raw const *two));
        assert_eq!(interner.len(), 1);
        assert_eq!(size_of_val(&one), size_of::<usize>());
    }

    #[test]
    fn what_nobody_uses_is_forgotten_without_being_asked() {
        let mut interner = Interner::default();
        let kept = interner.intern("kept");
        for number in 0..10 * SMALLEST_LIMIT {
            interner.intern(&number.to_string());
        }
        assert!(interner.len() <= SMALLEST_LIMIT, "{}", interner.len());
        assert!(std::ptr::eq(&raw const *kept, &raw const *interner.intern("kept")));
    }
}
