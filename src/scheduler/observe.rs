//! How the starts of a `CronJob` are going: what an operator would want to know who only watches.
//!
//! [`observe`] looks at a `CronJob` and its Jobs and says when the next start is, how late the last
//! one was, which starts nobody has made and why, and whether runs succeed as often as the schedule
//! promises. What needs looking at are the [`Finding`]s of an [`Observation`].
//!
//! A start is missed when it is older than a grace and has no Job; which start the controller still
//! makes up for is [`super::missed`]'s to say, and may be none of them. Nothing here knows when a
//! spec was changed: right after an edit of the schedule, or the end of a suspension, the starts
//! that would have been count as missed until the first one is made, and a success counts as
//! missing until there is one.

mod finding;

use std::collections::BTreeSet;
use std::iter;

use jiff::{SignedDuration, Timestamp};

pub use self::finding::{Finding, STATES};
use super::missed::{NeverTwice, Since, most_recent};
use super::timetable::{Timetable, TimetableError};
use super::view::{Child, Concurrency, CronJob};
use crate::batch::schedule::interval::typical_interval;
use crate::batch::zone::Zone;

/// What there is to say about a `CronJob`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observation {
    pub suspended: bool,
    pub terminating: bool,
    /// Why it starts nothing, whatever the time.
    pub trouble: Option<Trouble>,
    /// Whose clocks it follows; `None` where it cannot be read.
    pub zone: Option<Zone>,
    /// The next start; `None` where none is to come.
    pub next: Option<Timestamp>,
    /// The latest start that has come and has no Job yet, whatever the deadline.
    pub due: Option<Timestamp>,
    /// The last start that is written down.
    pub last: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    /// How long after its start the newest Job was created; the API has whole seconds.
    pub lag: Option<SignedDuration>,
    pub missed: Option<MissedStarts>,
    /// How far apart its starts are, at most.
    pub interval: Option<SignedDuration>,
    /// Since when nothing has succeeded, if that is longer than twice the interval.
    pub overdue: Option<Timestamp>,
    /// What holds its starts back.
    pub blocked: Option<Blocked>,
    /// The names of the Jobs of which no Pod has run for [`PATIENCE`].
    pub never_started: Vec<String>,
}

/// Why a `CronJob` starts nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// No two starts can be found.
    #[error(
        "it never starts: no two times within five calendar years fit the fields; look at day and \
         month together"
    )]
    Never,
    /// Each start is too late by its deadline, in seconds, when it comes.
    #[error("it never starts: with startingDeadlineSeconds {0} each start is too late already")]
    TooLate(i64),
    #[error(transparent)]
    Unreadable(#[from] TimetableError),
}

/// Starts that have come, are older than the grace, and have no Job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MissedStarts {
    /// At most [`MOST`], which means that there are as many or more.
    pub count: usize,
    /// The first of them.
    pub since: Timestamp,
    /// The last of them.
    pub latest: Timestamp,
    pub why: WhyMissed,
}

/// Why nobody has made a start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WhyMissed {
    /// It is too late for the latest one by `startingDeadlineSeconds`.
    Deadline,
    /// A Job runs that is to end before.
    Forbid,
    /// The controller is slow, or away.
    NotStarted,
}

/// The Job that holds a chain of `Forbid` up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocked {
    pub job: String,
    /// Since when it is there; `None` where only the status of the `CronJob` tells of it.
    pub created: Option<Timestamp>,
    /// The first start that it holds back.
    pub since: Timestamp,
}

/// Says how the starts of a `CronJob` are going. `zone` is that of `CronJob`s that name none, and a
/// start is missed when it is older than `grace`.
pub fn observe(
    cronjob: &CronJob<'_>,
    children: &[Child<'_>],
    zone: &Zone,
    grace: SignedDuration,
    now: Timestamp,
) -> Observation {
    let mut seen = Observation {
        suspended: cronjob.suspended,
        terminating: cronjob.terminating,
        trouble: None,
        zone: None,
        next: None,
        due: None,
        last: cronjob.status.last_schedule,
        last_success: last_success(cronjob, children),
        lag: lag(children, now),
        missed: None,
        interval: None,
        overdue: None,
        blocked: None,
        never_started: Vec::new(),
    };
    let timetable = match Timetable::read(cronjob.schedule, cronjob.time_zone, zone) {
        // Its Jobs go with it, whatever they are like.
        _ if cronjob.terminating => return seen,
        Ok(timetable) => timetable,
        Err(error) => {
            seen.trouble = Some(error.into());
            seen.never_started = never_started(children, now);
            return seen;
        }
    };
    seen.zone = Some(timetable.zone().clone());
    seen.interval = typical_interval(timetable.schedule(), timetable.zone(), now);
    seen.never_started = never_started(children, now);
    if cronjob.suspended {
        return seen;
    }
    // A status may be behind what was started.
    let made = made(children, now).map(|(slot, _)| slot).max();
    let since = Since { last: cronjob.status.last_schedule.max(made), ..cronjob.since() };
    match most_recent(&timetable, since, now, false) {
        Ok(recent) => seen.due = recent.slot,
        Err(NeverTwice) => seen.trouble = Some(Trouble::Never),
    }
    if let Some(deadline) = cronjob.deadline.filter(|deadline| *deadline < soonest(&timetable)) {
        seen.trouble.get_or_insert(Trouble::TooLate(deadline));
    }
    if seen.trouble.is_none() {
        seen.next = next(&timetable, seen.due.unwrap_or(since.last.unwrap_or(since.created)), now);
    }
    let limit = earlier(now, grace);
    if let Some((count, first, latest)) = missed(&timetable, since, limit) {
        let holder = holder(cronjob, children);
        let too_late = |deadline| latest <= earlier(now, SignedDuration::from_secs(deadline));
        let why = match cronjob.deadline {
            _ if holder.is_some() => WhyMissed::Forbid,
            Some(deadline) if too_late(deadline) => WhyMissed::Deadline,
            _ => WhyMissed::NotStarted,
        };
        seen.missed = Some(MissedStarts { count, since: first, latest, why });
        seen.blocked = holder.map(|(job, created)| Blocked { job, created, since: first });
    }
    let succeeded = seen.last_success.unwrap_or(cronjob.created);
    if let Some(interval) = seen.interval
        && is_overdue(&timetable, succeeded, interval, limit)
    {
        seen.overdue = Some(succeeded);
    }
    seen
}

/// The starts that were made: each with its Job. What a Job says of the future was written by hand.
fn made<'c, 'a>(
    children: &'c [Child<'a>],
    now: Timestamp,
) -> impl Iterator<Item = (Timestamp, &'c Child<'a>)> {
    let ours = children.iter().filter(|child| child.ours);
    ours.filter_map(move |child| Some((child.slot.filter(|slot| *slot <= now)?, child)))
}

fn last_success(cronjob: &CronJob<'_>, children: &[Child<'_>]) -> Option<Timestamp> {
    cronjob.status.last_successful.max(children.iter().filter_map(Child::succeeded).max())
}

fn lag(children: &[Child<'_>], now: Timestamp) -> Option<SignedDuration> {
    let created = made(children, now).filter_map(|(slot, child)| Some((slot, child.created?)));
    let (slot, created) = created.max()?;
    Some(created.duration_since(slot).max(SignedDuration::ZERO))
}

fn never_started(children: &[Child<'_>], now: Timestamp) -> Vec<String> {
    let long_ago = earlier(now, PATIENCE);
    let stuck = children.iter().filter(|child| {
        let waits = child.finish.is_none() && !child.suspended && !child.terminating && !child.ran;
        waits && child.created.is_some_and(|created| created < long_ago)
    });
    stuck.map(|child| child.name.to_owned()).collect()
}

/// From which deadline on, in seconds, a start can be in time: a deadline of none excludes its own
/// moment, and `@every` counts anew from the deadline where that is later than the last start.
fn soonest(timetable: &Timetable) -> i64 {
    timetable.schedule().period().map_or(1, |period| period.as_secs())
}

/// The first start after `now`. The search begins where the controller's does, which matters near a
/// change of the clocks, and to `@every`.
fn next(timetable: &Timetable, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let next = timetable.next(from).filter(|next| *next > now);
    next.or_else(|| timetable.next(now))
}

/// How many starts have come up to `limit` that nobody has made, with the first and the last.
fn missed(
    timetable: &Timetable,
    since: Since,
    limit: Timestamp,
) -> Option<(usize, Timestamp, Timestamp)> {
    let next = |after: Timestamp| timetable.next(after).filter(|start| *start <= limit);
    let first = next(since.last.unwrap_or(since.created))?;
    let starts = iter::successors(Some(first), |start| next(*start)).take(MOST);
    let (count, last) = starts.fold((0, first), |(count, _), start| (count + 1, start));
    if count < MOST {
        return Some((count, first, last));
    }
    // An estimate that overshoots finds none.
    let latest = most_recent(timetable, since, limit, false).ok().and_then(|recent| recent.slot);
    Some((count, first, latest.unwrap_or(last)))
}

/// The Job for whose end a `Forbid` waits, and when it was created. One that is over is none: its
/// end is only not written down, which is the controller's fault again.
fn holder(cronjob: &CronJob<'_>, children: &[Child<'_>]) -> Option<(String, Option<Timestamp>)> {
    if cronjob.concurrency != Concurrency::Forbid {
        return None;
    }
    let over: BTreeSet<&str> =
        children.iter().filter(|child| child.finish.is_some()).map(|child| &*child.uid).collect();
    let entry = cronjob.status.active.iter().find(|entry| !over.contains(&*entry.uid))?;
    let job = children.iter().find(|child| child.uid == entry.uid);
    Some((entry.name.to_string(), job.and_then(|job| job.created)))
}

/// Whether a success is missing since `succeeded`. Two starts must have come since: a schedule for
/// the summer is not overdue in winter.
fn is_overdue(
    timetable: &Timetable,
    succeeded: Timestamp,
    interval: SignedDuration,
    limit: Timestamp,
) -> bool {
    let second = timetable.next(succeeded).and_then(|first| timetable.next(first));
    let patience = interval.saturating_mul(2);
    second.is_some_and(|second| second <= limit) && limit.duration_since(succeeded) > patience
}

fn earlier(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// More missed starts are not counted: each is a search, and more than a hundred are what upstream
/// warns of.
pub const MOST: usize = 101;

/// For how long the Pods of a Job may be on their way: time enough to pull a large image, or for a
/// node to be added.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

#[cfg(test)]
mod tests;
