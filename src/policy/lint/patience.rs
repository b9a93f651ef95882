//! Work that is counted, so that a search ends soon whatever it is given.
//!
//! What is odd, or drastic, is looked for by holding rules and lists against each other, and a file
//! of 1 MiB has room for enough of both to keep a processor busy for minutes. Steps are counted and
//! not time: the same policy always gets the same answer, on whatever machine. Errors are never
//! looked for this way, so no policy is accepted because somebody ran out of patience.

use std::cell::Cell;

/// The steps that are left for one search.
#[derive(Debug)]
pub(in crate::policy) struct Patience {
    /// `None` once more was asked for than there was.
    left: Cell<Option<usize>>,
}

// === impl Patience ===

impl Patience {
    pub(in crate::policy) const fn new(steps: usize) -> Self {
        Self { left: Cell::new(Some(steps)) }
    }

    /// Takes so many steps; `false` where there are not so many left, and from then on always: a
    /// search either did everything or says from where on it did not.
    pub(in crate::policy) fn spend(&self, steps: usize) -> bool {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(steps)));
        self.left.get().is_some()
    }

    /// Whether something was left undone.
    pub(in crate::policy) fn is_out(&self) -> bool {
        self.left.get().is_none()
    }

    /// How many steps are left.
    #[cfg(test)]
    pub(in crate::policy) fn left(&self) -> Option<usize> {
        self.left.get()
    }
}
