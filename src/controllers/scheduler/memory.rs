//! What is remembered of `CronJob`s, for a term: what the cluster does not show yet.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::name::Name;
use crate::cluster::slim::{CronJob, Version};
use crate::scheduler::view::Status;

/// By name.
#[derive(Debug, Default)]
pub(super) struct Memory(HashMap<Name, Known>);

/// One `CronJob`.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// As the last news showed it.
    pub(super) seen: Arc<CronJob>,
    /// Since when this generation has been seen, with the policy in use.
    pub(super) since: Timestamp,
    /// Its schedule was edited, and no news have asked for a pass since: one that nothing but our
    /// own order asks for would make a start of the past.
    pub(super) edited: bool,
    /// What our last write of the status left, as long as no news show it.
    pub(super) written: Option<Arc<CronJob>>,
    /// What was started and is to be written down.
    pub(super) unwritten: Option<Status<'static>>,
    /// Whether its last start was looked up in this term, and not only in the watch: somebody who
    /// led before us may have made one a moment ago.
    pub(super) verified: bool,
    /// The stored object is not what we took it for: it is to be read.
    pub(super) doubt: bool,
    /// How often in a row a pass came to nothing.
    pub(super) failures: u32,
    /// When a start is expected to be due.
    pub(super) wake: Option<Timestamp>,
    /// When the last pass began.
    pub(super) passed: Option<Timestamp>,
}

/// What news of a `CronJob` mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum News {
    /// Not seen before, or another one of its name.
    New,
    /// Its schedule or time zone is another one.
    Rescheduled,
    /// Anything else.
    Changed,
}

// === impl Memory ===

impl Memory {
    /// Takes note of a `CronJob` as it is stored now.
    pub(super) fn see(&mut self, name: &Name, stored: &Arc<CronJob>, now: Timestamp) -> News {
        let Some(known) = self.0.get_mut(name).filter(|k| k.seen.meta.uid == stored.meta.uid)
        else {
            self.0.insert(name.clone(), Known::new(Arc::clone(stored), now));
            return News::New;
        };
        let before = std::mem::replace(&mut known.seen, Arc::clone(stored));
        if before.scheduling.generation != stored.scheduling.generation {
            known.since = now;
        }
        if known.written.as_ref().is_some_and(|written| !is_newer(written, stored)) {
            known.written = None;
        }
        let timetable = |cronjob: &CronJob| (cronjob.schedule.clone(), cronjob.time_zone.clone());
        known.edited = timetable(&before) != timetable(stored);
        if known.edited { News::Rescheduled } else { News::Changed }
    }

    pub(super) fn known(&mut self, name: &Name) -> Option<&mut Known> {
        self.0.get_mut(name)
    }

    pub(super) fn forget(&mut self, name: &Name) {
        self.0.remove(name);
    }

    /// Forgets all that were not seen in a complete list.
    pub(super) fn retain(&mut self, is_there: impl Fn(&Name) -> bool) -> Vec<Name> {
        let gone: Vec<Name> = self.0.keys().filter(|name| !is_there(name)).cloned().collect();
        for name in &gone {
            self.0.remove(name);
        }
        gone
    }

    /// Every `CronJob`, but those that were only edited.
    pub(super) fn unedited(&self) -> Vec<Name> {
        let unedited = self.0.iter().filter(|(_, known)| !known.edited);
        unedited.map(|(name, _)| name.clone()).collect()
    }

    /// Those whose last start is to be written down.
    pub(super) fn unwritten(&self) -> Vec<Name> {
        let unwritten = self.0.iter().filter(|(_, known)| known.unwritten.is_some());
        unwritten.map(|(name, _)| name.clone()).collect()
    }

    /// Another policy is in use: what came due before is not looked at by its light, and what was
    /// known for certain was so in another capacity.
    pub(super) fn begin_anew(&mut self, now: Timestamp) {
        for known in self.0.values_mut() {
            known.since = now;
            known.verified = false;
        }
    }

    /// The clock was put back: nothing that is remembered lies in the future.
    pub(super) fn clock_put_back(&mut self) {
        self.0.values_mut().for_each(|known| known.passed = None);
    }
}

// === impl Known ===

impl Known {
    fn new(seen: Arc<CronJob>, now: Timestamp) -> Self {
        Self {
            seen,
            since: now,
            edited: false,
            written: None,
            unwritten: None,
            verified: false,
            doubt: false,
            failures: 0,
            wake: None,
            passed: None,
        }
    }

    /// The newest state that is known.
    pub(super) fn newest(&self) -> &Arc<CronJob> {
        self.written.as_ref().filter(|written| is_newer(written, &self.seen)).unwrap_or(&self.seen)
    }
}

/// Whether one state of an object is newer than another. The versions of one object can be
/// compared where they are numbers (KEP-5504); where they are not, the first is taken for newer.
fn is_newer(one: &CronJob, other: &CronJob) -> bool {
    match (&one.meta.version, &other.meta.version) {
        (Version::Number(one), Version::Number(other)) => one > other,
        (one, other) => one != other,
    }
}
