//! What happens to the cluster beside what curfew does: each event by a name that says where it was
//! drawn. A run may leave some of them out, and everything else is drawn as before.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    pub name: String,
    /// When, and what.
    pub words: String,
}

#[derive(Debug, Default)]
pub struct Events {
    /// The only ones that may happen; `None` for all that are drawn.
    pub only: Option<Arc<BTreeSet<String>>>,
    /// In their order.
    pub happened: Vec<Event>,
}

// === impl Events ===

impl Events {
    /// Whether one that was drawn is to happen.
    pub fn may(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(name))
    }
}
