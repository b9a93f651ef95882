//! What a decision is about.

use jiff::Timestamp;
use serde::Deserialize;

use crate::batch::{Finish, Kind, Map, Object};
use crate::policy::model::subject::Subject;

/// What a decision is about.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    pub operation: Operation,
    /// The object as it was sent, or as it is stored.
    pub object: &'a Object<'a>,
    /// The stored object that an update would replace.
    pub old: Option<&'a Object<'a>>,
    /// The `CronJob` that made the Job, where it is known: same namespace, name and uid.
    pub cronjob: Option<&'a Object<'a>>,
    /// The namespace of the request: the object's own may be empty.
    pub namespace: &'a str,
    /// `None` where nobody knows them, which is not the same as none.
    pub namespace_labels: Option<&'a Map<'a>>,
    /// Our own namespace, which is never considered.
    pub own_namespace: Option<&'a str>,
    /// Only the text of warnings depends on it.
    pub now: Timestamp,
}

/// How the object came before us.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    #[default]
    Create,
    /// Nobody asks for anything: the object lies in the cluster.
    Stored,
    Update,
}

// === impl Input ===

impl<'a> Input<'a> {
    /// How rules see the object.
    pub fn subject(&self) -> Subject<'a> {
        Subject::new(self.object, self.cronjob, self.namespace, self.namespace_labels)
    }

    /// The end of a Job, where it counts: nobody is born finished. The status of a Job that is being
    /// created is what the client sent, and the API server throws it away.
    pub(super) fn finish(&self) -> Option<Finish> {
        let Self { operation, object, old, .. } = self;
        if object.kind != Kind::Job || *operation == Operation::Create {
            return None;
        }
        let old = old.filter(|_| *operation == Operation::Update);
        Finish::of(object).or_else(|| old.and_then(Finish::of))
    }
}
