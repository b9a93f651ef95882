//! What is remembered of a write.

use jiff::Timestamp;

use super::subject::ObjectRef;
use super::work_queue::Step;
use crate::cluster::slim::Version;
use crate::cluster::write::WriteOutcome;

/// A write of ours to an object, until the watch shows what came of it.
#[derive(Clone, Debug)]
pub(super) struct Acted {
    /// Of the object that was judged.
    pub(super) version: Version,
    /// When to try again if nothing is seen of it.
    pub(super) until: Timestamp,
    pub(super) purpose: Purpose,
    /// Whether the API server did not let us.
    pub(super) refused: bool,
    /// The call has not ended: what the watch shows may be its doing, or not.
    pub(super) under_way: bool,
    /// How often in a row it came to nothing.
    pub(super) failures: u32,
}

/// What a write was for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Another value.
    Change,
    /// The end of a Job that is due.
    Expire,
    /// The end of a Job that is one too many in its family.
    Prune,
    /// It came to nothing.
    Vain,
}

/// A write that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The object in whose judgement it was.
    pub(super) subject: ObjectRef,
    /// The object that it was about.
    pub(super) target: ObjectRef,
    pub(super) step: Step,
    pub(super) outcome: WriteOutcome,
}

// === impl Acted ===

impl Acted {
    /// Whether we have deleted it.
    pub(super) fn has_deleted(&self) -> bool {
        matches!(self.purpose, Purpose::Expire | Purpose::Prune)
    }

    /// Whether we have deleted it for the sake of its family's history.
    pub(super) fn has_pruned(&self) -> bool {
        self.purpose == Purpose::Prune
    }
}
