//! A `CronJob` by its namespace and name: what is remembered of one is found by that.

use std::fmt;
use std::sync::Arc;

use crate::cluster::slim::Meta;

/// `namespace/name`; neither of the two can hold a slash.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Name(Arc<str>);

// === impl Name ===

impl Name {
    pub(super) fn of(meta: &Meta) -> Self {
        Self::new(&meta.namespace, &meta.name)
    }

    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}").into())
    }

    /// Namespace and name.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').expect("it is made with one")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
