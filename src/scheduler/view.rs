//! What a decision reads of a `CronJob` and of its Jobs.

pub mod edits;
pub mod read;

use std::borrow::Cow;

use jiff::Timestamp;

use self::edits::InForce;
use super::missed::Since;
use crate::batch::Outcome;
use crate::batch::text::cut;

/// A `CronJob` as it is stored, or as it will be when what was started is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct CronJob<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: Cow<'a, str>,
    pub created: Timestamp,
    /// Since when what says when it is due is as it is; `None` where nobody knows.
    pub in_force: Option<InForce>,
    /// Somebody has asked for it to be deleted.
    pub terminating: bool,
    /// Its namespace is being deleted, as far as that is known: no Job can be created there.
    pub namespace_terminating: bool,
    pub schedule: &'a str,
    pub time_zone: Option<&'a str>,
    pub suspended: bool,
    pub concurrency: Concurrency,
    /// `spec.startingDeadlineSeconds`.
    pub deadline: Option<i64>,
    /// `None` keeps everything; the API server fills 3 and 1.
    pub successful_limit: Option<i64>,
    pub failed_limit: Option<i64>,
    pub status: Status<'a>,
}

/// `spec.concurrencyPolicy`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Concurrency {
    #[default]
    Allow,
    /// A start waits for the end of the one before.
    Forbid,
    /// A start ends the one before.
    Replace,
}

/// What a pass writes down.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Status<'a> {
    pub active: Vec<Active<'a>>,
    /// The start itself, and not when it was made.
    pub last_schedule: Option<Timestamp>,
    pub last_successful: Option<Timestamp>,
}

/// An entry of `status.active`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Active<'a> {
    pub name: Cow<'a, str>,
    pub uid: Cow<'a, str>,
    /// `resourceVersion` of the reference.
    pub version: Cow<'a, str>,
}

/// A Job whose controller is a `CronJob` of this name.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "facts of the object, each on its own")]
pub struct Child<'a> {
    pub name: &'a str,
    pub uid: Cow<'a, str>,
    pub version: Cow<'a, str>,
    /// Whether its owner reference has the `CronJob`'s uid, too.
    pub ours: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// `status.startTime`.
    pub started: Option<Timestamp>,
    /// How it ended, if it has.
    pub finish: Option<Outcome>,
    /// `status.completionTime`; never there on a Job that failed.
    pub completed: Option<Timestamp>,
    /// The start that it was created for, as its annotation says.
    pub slot: Option<Timestamp>,
    pub terminating: bool,
    /// Somebody has asked for it to be kept, and that holds.
    pub held: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Whether it wants Pods and none of them is ready or has ended, as the built-in Job controller
    /// tells.
    pub waits: bool,
    /// That its Pods are being ended, where it is not over yet.
    pub ending: Option<Ending<'a>>,
}

/// Why a Job is about to be over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending<'a> {
    /// `None` where that is no time.
    pub since: Option<Timestamp>,
    /// A reason of the Job controller, such as `DeadlineExceeded`, or [`Ending::DELETED`].
    pub why: Cow<'a, str>,
}

// === impl CronJob ===

impl CronJob<'_> {
    /// Whether a start that comes due can be made at all, as far as the object itself tells.
    pub fn would_start(&self) -> bool {
        let is_held = self.concurrency == Concurrency::Forbid && !self.status.active.is_empty();
        !self.suspended && !self.terminating && !is_held && self.deadline != Some(0)
    }

    /// From when on its starts count.
    pub fn since(&self) -> Since {
        Since { created: self.created, last: self.status.last_schedule, deadline: self.deadline }
    }
}

// === impl Concurrency ===

impl Concurrency {
    /// As the API spells it; anything else is what an older API server let through, and `Allow`.
    pub fn parse(text: &str) -> Self {
        match text {
            "Forbid" => Self::Forbid,
            "Replace" => Self::Replace,
            _ => Self::Allow,
        }
    }

    /// As the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Forbid => "Forbid",
            Self::Replace => "Replace",
        }
    }
}

// === impl Ending ===

impl Ending<'_> {
    /// The conditions with which the Job controller begins to end a Job: it is over only when its
    /// Pods are.
    pub const CONDITIONS: [&'static str; 2] = ["FailureTarget", "SuccessCriteriaMet"];

    /// What a condition says of why: its reason, or its type where that is none. Whoever may write
    /// a status can write anything.
    pub fn reason<'t>(reason: Option<&'t str>, kind: &'t str) -> &'t str {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_,:".contains(c);
        let reason = reason.filter(|text| !text.is_empty() && text.chars().all(is_plain));
        cut(reason.unwrap_or(kind), LONGEST_REASON)
    }

    /// Somebody has asked for it to be deleted.
    pub const DELETED: &'static str = "deleted";
}

// === impl Active ===

impl Active<'_> {
    /// The same, of its own.
    pub fn into_owned(self) -> Active<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let Self { name, uid, version } = self;
        Active { name: own(name), uid: own(uid), version: own(version) }
    }
}

// === impl Status ===

impl Status<'_> {
    /// The same, of its own.
    pub fn into_owned(self) -> Status<'static> {
        let Self { active, last_schedule, last_successful } = self;
        let active = active.into_iter().map(Active::into_owned).collect();
        Status { active, last_schedule, last_successful }
    }

    /// Whether an entry names this Job.
    pub fn is_active(&self, uid: &str) -> bool {
        self.active.iter().any(|entry| entry.uid == uid)
    }

    /// Takes an entry out; says whether there was one.
    pub fn drop_active(&mut self, uid: &str) -> bool {
        let before = self.active.len();
        self.active.retain(|entry| entry.uid != uid);
        self.active.len() < before
    }
}

/// The reasons of the Job controller are far shorter.
const LONGEST_REASON: usize = 64;

#[cfg(test)]
mod fixtures;

#[cfg(test)]
mod tests;
