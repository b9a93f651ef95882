//! What needs looking at: of the installation itself, or of what it watches.

use serde::Serialize;

/// Something for a person, in a sentence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attention {
    pub(super) about: About,
    pub(super) what: String,
}

/// Whom it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum About {
    /// Curfew does not work as it was installed to.
    Installation,
    /// It works, and has something to tell.
    Cluster,
}

// === impl Attention ===

impl Attention {
    pub(super) fn installation(what: impl Into<String>) -> Self {
        Self { about: About::Installation, what: what.into() }
    }

    pub(super) fn cluster(what: impl Into<String>) -> Self {
        Self { about: About::Cluster, what: what.into() }
    }
}
