//! What is remembered of our writes, until the watch shows what came of them.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::subject::ObjectRef;
use super::work_queue::{Step, What};
use crate::clock::HashMap;
use crate::cluster::slim::Version;
use crate::cluster::write::WriteOutcome;
use crate::controllers::context::{Moment, after};

/// The writes that count still, each by the object that it was about.
#[derive(Debug, Default)]
pub(super) struct Acts(HashMap<ObjectRef, Acted>);

/// A write of ours to an object.
#[derive(Clone, Debug)]
struct Acted {
    /// Of the object that was judged.
    version: Version,
    /// When to try again if nothing is seen of it. By the monotonic clock: the wall clock may be hours
    /// off at the moment of a write, and right again a minute later.
    until: Instant,
    purpose: Purpose,
    /// Whether the API server did not let us.
    refused: bool,
    /// The call has not ended: what the watch shows may be its doing, or not.
    under_way: bool,
    /// How often in a row it came to nothing.
    failures: u32,
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

/// A write that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// The object in whose judgement it was.
    pub(super) subject: ObjectRef,
    /// The object that it is about.
    pub(super) target: ObjectRef,
    pub(super) step: Step,
}

// === impl Acts ===

impl Acts {
    /// Until when what is known of an object counts as older than our last write to it; `None` where
    /// it does not.
    pub(super) fn stale_until(&self, subject: &ObjectRef, at: Moment) -> Option<Timestamp> {
        let acted = self.0.get(subject).filter(|acted| acted.version == subject.meta().version)?;
        let left = acted.until.checked_duration_since(at.ticks).filter(|left| !left.is_zero())?;
        Some(after(at.now, left))
    }

    /// Whether this state of an object is surely from before our last write to it, or may be.
    pub(super) fn predates(&self, subject: &ObjectRef, at: Moment) -> bool {
        self.0.get(subject).is_some_and(|acted| {
            let is_same = acted.version == subject.meta().version;
            acted.under_way
                || is_same && (acted.until > at.ticks || acted.purpose == Purpose::Change)
        })
    }

    /// Whether we have deleted it for the sake of its family's history.
    pub(super) fn has_pruned(&self, subject: &ObjectRef) -> bool {
        self.0.get(subject).is_some_and(|acted| acted.purpose == Purpose::Prune)
    }

    /// A write begins.
    pub(super) fn begin(&mut self, write: &Write, at: Moment) {
        let Write { subject, target, step } = write;
        let version = target.meta().version.clone();
        let before = self.0.get(target).filter(|acted| acted.version == version);
        let acted = Acted {
            failures: before.map_or(0, |acted| acted.failures),
            version,
            until: at.ticks + UNSEEN,
            purpose: match step.what {
                What::Delete(_) if subject != target => Purpose::Prune,
                What::Delete(_) => Purpose::Expire,
                What::Patch(_) => Purpose::Change,
            },
            refused: false,
            under_way: true,
        };
        self.0.insert(target.clone(), acted);
    }

    /// A write has ended; says whether its object is to be looked at again because it came to
    /// nothing.
    pub(super) fn end(&mut self, target: &ObjectRef, outcome: &WriteOutcome, at: Moment) -> bool {
        if *outcome == WriteOutcome::Stopped {
            self.0.remove(target);
            return false;
        }
        let Some(acted) = self.0.get_mut(target) else {
            return !matches!(outcome, WriteOutcome::Done | WriteOutcome::Gone);
        };
        acted.under_way = false;
        let pause = match outcome {
            // The watch will tell, or has already.
            WriteOutcome::Done | WriteOutcome::Gone | WriteOutcome::Stopped => return false,
            WriteOutcome::Changed => AFTER_CHANGE,
            WriteOutcome::Retry { after, .. } => {
                let pause = FIRST_PAUSE.saturating_mul(1 << acted.failures.min(DOUBLINGS));
                acted.failures += 1;
                pause.max(after.unwrap_or_default())
            }
            WriteOutcome::Refused(_) => {
                acted.refused = true;
                AFTER_REFUSAL
            }
            WriteOutcome::Failed(_) => AFTER_REFUSAL,
        };
        acted.until = at.ticks + pause;
        acted.purpose = Purpose::Vain;
        true
    }

    /// Forgets an object that is gone; gives what the last write to it was for.
    pub(super) fn forget(&mut self, subject: &ObjectRef) -> Option<Purpose> {
        self.0.remove(subject).map(|acted| acted.purpose)
    }

    /// What was refused may be let through now, or is known to be hopeless.
    pub(super) fn forget_refusals(&mut self) {
        self.0.retain(|_, acted| !acted.refused);
    }

    /// Forgets what is over; `present` gives an object as it is. A deletion may take long, by Pods or
    /// a finalizer, and stays ours until the Job is gone. And as long as an object is as it was when
    /// we wrote, its next state tells what came of that, and each failure is one more.
    pub(super) fn tidy(&mut self, present: impl Fn(&ObjectRef) -> Option<ObjectRef>, at: Moment) {
        self.0.retain(|subject, acted| {
            acted.until > at.ticks
                || acted.under_way
                || present(subject).is_some_and(|present| {
                    acted.purpose.deletes() || acted.version == present.meta().version
                })
        });
        self.0.shrink_to_fit();
    }
}

// === impl Purpose ===

impl Purpose {
    /// Whether it was a deletion.
    pub(super) const fn deletes(self) -> bool {
        matches!(self, Self::Expire | Self::Prune)
    }
}

/// For the watch to show what a write has done, before it is done once more.
const UNSEEN: Duration = Duration::from_secs(30);

/// The watch is behind; it will not be for long.
const AFTER_CHANGE: Duration = Duration::from_secs(2);

const AFTER_REFUSAL: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Up to four minutes.
const DOUBLINGS: u32 = 8;
