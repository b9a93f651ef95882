//! What is told, and of which object.

use crate::batch::Kind;
use crate::cluster::slim::Meta;

/// The object that an event is about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct About {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    /// Empty where it is not known.
    pub uid: String,
}

/// Something to tell about an object.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Event {
    pub about: About,
    /// Something is wrong, and not merely worth knowing.
    pub warning: bool,
    /// Why, in one word: `Deleted`.
    pub reason: &'static str,
    /// What was done, in one word: `Delete`.
    pub action: &'static str,
    /// For people; cut off after 1024 bytes.
    pub note: String,
}

// === impl About ===

impl About {
    /// An object as it is known.
    pub fn new(kind: Kind, meta: &Meta) -> Self {
        Self {
            api_version: "batch/v1",
            kind: kind.as_str(),
            namespace: meta.namespace.to_string(),
            name: meta.name.to_string(),
            uid: meta.uid.to_string(),
        }
    }

    /// Our own Lease: for what is about the cluster as a whole.
    pub fn lease(namespace: &str, name: &str) -> Self {
        Self {
            api_version: "coordination.k8s.io/v1",
            kind: "Lease",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: String::new(),
        }
    }
}
