//! A pass over a `CronJob`, as the built-in controller makes it (upstream-semantics.md, 2.5).
//!
//! [`decide`] takes what is known and answers with a [`Pass`], or with a [`Question`] where it can
//! not go on without the API server's word; whoever asks it puts the answer into [`Answers`] and
//! asks again. Only a start has consequences before the pass is over: what follows from how it
//! went is [`Start::existing`] and [`Pass::started`].
//!
//! One thing goes beyond upstream: a Job that was created for a start after the last one written
//! down is that start, and only the writing is missing ([`recover`]). The built-in controller warns
//! of such a Job and never takes it up (upstream-semantics.md, 2.5, 12).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::job;
use super::missed::{Missed, Since, next_look, next_start};
use super::notice::Notice;
use super::timetable::{Timetable, TimetableError};
use crate::batch::cronjob::{Active, Status};
use crate::batch::name::is_subdomain;
use crate::batch::zone::Zone;
use crate::batch::{Child, Concurrency, CronJob};

/// What is known when a pass is made.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'s, 'a> {
    pub cronjob: &'s CronJob<'a>,
    /// Its Jobs, those under deletion included.
    pub children: &'s [Child<'a>],
    /// The uids of those that this pass has deleted from its history.
    pub removed: &'s BTreeSet<String>,
    pub answers: &'s Answers<'a>,
    /// The zone of `CronJob`s that name none.
    pub zone: &'s Zone,
    pub now: Timestamp,
}

/// What the API server has said in this pass.
#[derive(Clone, Debug, Default)]
pub struct Answers<'a> {
    /// To [`Question::CronJob`].
    pub cronjob: Option<CronJob<'a>>,
    /// To [`Question::Job`]: whether there is a Job of this name.
    pub jobs: BTreeMap<String, bool>,
}

/// What a decision needs to know from the API server, and not from a watch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Question {
    /// The `CronJob`: a Job runs that its status does not list.
    CronJob,
    /// The Job of this name: the status lists it, and the watch does not show it.
    Job(String),
}

/// Where a pass stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    Ask(Question),
    Done(Pass<'a>),
}

/// What a pass comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass<'a> {
    /// What is to be written down; see [`Pass::started`].
    pub status: Status<'a>,
    pub notices: Vec<Notice>,
    pub start: Option<Start<'a>>,
    /// When to look again; `None` where only an event can change anything.
    pub wake: Option<Timestamp>,
}

/// A Job to create.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start<'a> {
    /// The moment that the schedule names.
    pub slot: Timestamp,
    /// The Job's name: the lock against a second start.
    pub name: String,
    /// The Jobs to delete first, under `Replace`.
    pub replaces: Vec<Active<'a>>,
    /// When to look again once it is done.
    next: Option<Timestamp>,
}

/// What it means that a Job of the name is there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Existing {
    /// It is the start, made by whoever died before writing it down.
    Adopt,
    /// It is written down already.
    Listed,
    /// It is somebody else's: nothing can be started under this name.
    Foreign,
}

/// Makes a pass.
pub fn decide<'a>(situation: &Situation<'_, 'a>) -> Step<'a> {
    let Situation { children, removed, answers, zone, now, .. } = *situation;
    let cronjob = answers.cronjob.as_ref().unwrap_or(situation.cronjob);
    let mut status = cronjob.status.clone();
    for uid in removed {
        status.drop_active(uid);
    }
    recover(cronjob, children, now, &mut status);
    let mut notices = Vec::new();
    for child in children {
        match child.finish {
            None if status.is_active(&child.uid) => {}
            None if answers.cronjob.is_none() => return Step::Ask(Question::CronJob),
            None => notices.push(Notice::unexpected(child.name)),
            Some(outcome) => {
                if status.drop_active(&child.uid) {
                    notices.push(Notice::completed(child.name, outcome));
                }
            }
        }
        // A Job that failed has no such time. One that is to come was made up by whoever wrote the
        // status of the Job, and the chart's hardening would refuse it with all the rest.
        let succeeded = child.succeeded().filter(|at| at.duration_since(now) <= AHEAD);
        status.last_successful = status.last_successful.max(succeeded);
    }
    let seen: BTreeSet<&str> = children.iter().map(|child| &*child.uid).collect();
    let mut missing = BTreeSet::new();
    for entry in &status.active {
        if seen.contains(&*entry.uid) {
            continue;
        }
        match answers.jobs.get(&*entry.name) {
            // No Job can be called that, and whoever may write a status can write anything.
            _ if !is_subdomain(&entry.name) => {
                notices.push(Notice::impossible(&entry.name));
                missing.insert(entry.uid.clone());
            }
            None => return Step::Ask(Question::Job(entry.name.to_string())),
            Some(true) => {}
            Some(false) => {
                notices.push(Notice::missing(&entry.name));
                missing.insert(entry.uid.clone());
            }
        }
    }
    status.active.retain(|entry| !missing.contains(&entry.uid));
    let (start, wake) = schedule(cronjob, &status, zone, now, &mut notices);
    Step::Done(Pass { status, notices, start, wake })
}

/// Takes up what was started and not written down. A start that is to come was made by a clock that
/// was wrong: were it written down, nothing would start until then.
fn recover<'a>(
    cronjob: &CronJob<'_>,
    children: &[Child<'a>],
    now: Timestamp,
    status: &mut Status<'a>,
) {
    let written = cronjob.status.last_schedule;
    for child in children {
        let slot = child.unwritten(cronjob.name, written).filter(|slot| *slot <= now);
        let Some(slot) = slot else { continue };
        status.last_schedule = status.last_schedule.max(Some(slot));
        if child.finish.is_none() && !status.is_active(&child.uid) {
            status.active.push(child.reference());
        }
    }
}

/// What is to be started, and when to look again.
fn schedule<'a>(
    cronjob: &CronJob<'_>,
    status: &Status<'a>,
    zone: &Zone,
    now: Timestamp,
    notices: &mut Vec<Notice>,
) -> (Option<Start<'a>>, Option<Timestamp>) {
    const SLEEP: (Option<Start<'_>>, Option<Timestamp>) = (None, None);
    if cronjob.terminating {
        return SLEEP;
    }
    let timetable = Timetable::read(cronjob.schedule, cronjob.time_zone, zone);
    // Suspended ones are told about their zone, too, and about nothing else.
    if let Err(TimetableError::Zone { name, source }) = &timetable {
        notices.push(Notice::unknown_zone(name, source));
        return SLEEP;
    }
    if cronjob.suspended {
        return SLEEP;
    }
    if crate::batch::schedule::Schedule::mentions_zone(cronjob.schedule) {
        notices.push(Notice::unsupported(cronjob.schedule));
    }
    let timetable = match timetable {
        Ok(timetable) => timetable,
        Err(TimetableError::Zone { .. }) => return SLEEP,
        Err(TimetableError::Schedule { text, source }) => {
            notices.push(Notice::unparseable(&text, &source));
            return SLEEP;
        }
    };
    let since = Since { last: status.last_schedule, ..Since::of(cronjob) };
    let recent = match next_start(&timetable, since, now) {
        Ok(recent) => recent,
        Err(error) => {
            notices.push(Notice::invalid(cronjob.schedule, &error));
            return SLEEP;
        }
    };
    let wake = next_look(&timetable, since, now);
    let Some(slot) = recent.slot else { return (None, wake) };
    if recent.missed == Missed::Many {
        notices.push(Notice::too_many());
    }
    let name = job::name(cronjob.name, slot);
    let last_moment = cronjob.deadline.map(|deadline| {
        slot.saturating_add(SignedDuration::from_secs(deadline)).unwrap_or(Timestamp::MAX)
    });
    if last_moment.is_some_and(|last| last < now) {
        notices.push(Notice::missed(slot));
        return (None, wake);
    }
    let listed = status.active.iter().any(|entry| entry.name == name);
    if listed || status.last_schedule == Some(slot) {
        return (None, wake);
    }
    let replaces = match cronjob.concurrency {
        Concurrency::Allow => Vec::new(),
        Concurrency::Forbid if status.active.is_empty() => Vec::new(),
        Concurrency::Forbid => {
            // Not moved on: the end of the Job that runs makes another pass, which starts it.
            notices.push(Notice::already_active());
            return (None, wake);
        }
        Concurrency::Replace => status.active.clone(),
    };
    let next = next_look(&timetable, Since { last: Some(slot), ..since }, now);
    (Some(Start { slot, name, replaces, next }), wake)
}

// === impl Pass ===

impl<'a> Pass<'a> {
    /// The same, of its own.
    pub fn into_owned(self) -> Pass<'static> {
        let Self { status, notices, start, wake } = self;
        let start = start.map(|Start { slot, name, replaces, next }| {
            let replaces = replaces.into_iter().map(Active::into_owned).collect();
            Start { slot, name, replaces, next }
        });
        Pass { status: status.into_owned(), notices, start, wake }
    }

    /// The start was made, and this is its Job.
    pub fn started(&mut self, start: &Start<'a>, entry: Active<'a>) {
        let Self { status, wake, .. } = self;
        status.active.retain(|one| !start.replaces.contains(one) && one.uid != entry.uid);
        status.active.push(entry);
        status.last_schedule = Some(start.slot);
        *wake = start.next;
    }
}

// === impl Start ===

impl Start<'_> {
    /// What a Job means that has this name already.
    pub fn existing(&self, found: &Child<'_>, status: &Status<'_>) -> Existing {
        if !found.ours {
            return Existing::Foreign;
        }
        if status.is_active(&found.uid) { Existing::Listed } else { Existing::Adopt }
    }
}

// === impl Child ===

impl Child<'_> {
    /// The start that it was created for, where that is later than the last one `written` down.
    pub fn unwritten(&self, cronjob: &str, written: Option<Timestamp>) -> Option<Timestamp> {
        let slot = self.slot.filter(|slot| written.is_none_or(|written| *slot > written))?;
        (self.ours && job::name(cronjob, slot) == self.name).then_some(slot)
    }
}

/// How far the clock of kube-controller-manager, which notes when a Job succeeded, may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_secs(30);

#[cfg(test)]
mod tests;
