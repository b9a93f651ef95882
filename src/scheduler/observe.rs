//! How the starts of a `CronJob` are going: what an operator would want to know who only watches.
//!
//! [`observe`] looks at a `CronJob` and its Jobs and says when the next start is, how late the last
//! one was, which starts nobody has made and why, and whether runs succeed as often as the schedule
//! promises. What needs looking at are the [`Finding`]s of an [`Observation`].
//!
//! A start is missed when it came due under the spec in force, is older than a grace, and has no
//! Job. An edit of the schedule or the end of a suspension therefore begins the count anew. What
//! may have come due before an edit or after it, as nobody knows when that was, is not claimed to be
//! missed, and that this is not known is an answer of its own. Which start the controller still
//! makes up for is another matter, and [`super::missed`]'s to say: it counts from the last start,
//! whatever was edited since, and so [`pending`] may be a time at which nothing was due.

mod finding;
mod observation;

use std::collections::BTreeMap;
use std::iter;

use jiff::{SignedDuration, Timestamp};

pub use self::finding::{AS_MEANT, Finding, STATES};
pub use self::observation::{
    Blocked, MOST, MissedStarts, NOT_KNOWN, Observation, PATIENCE, Perhaps, Stuck, Trouble,
    WhyMissed,
};
use super::job;
use super::missed::{NeverTwice, Since, most_recent, next_start};
use super::timetable::Timetable;
use crate::batch::cronjob::Active;
use crate::batch::edits::InForce;
use crate::batch::schedule::interval::typical_interval;
use crate::batch::zone::Zone;
use crate::batch::{Child, Concurrency, CronJob};

/// Says how the starts of a `CronJob` are going. `is_there` tells of a Job of its namespace, by
/// name, whether there is one, where that is known. `zone` is that of `CronJob`s that name none,
/// and a start is missed when it is older than `grace`.
pub fn observe(
    cronjob: &CronJob<'_>,
    children: &[Child<'_>],
    is_there: impl Fn(&str) -> Option<bool>,
    zone: &Zone,
    grace: SignedDuration,
    now: Timestamp,
) -> Observation {
    let limit = earlier(now, grace);
    let mut seen = Observation {
        suspended: cronjob.suspended,
        terminating: cronjob.terminating,
        namespace_terminating: cronjob.namespace_terminating,
        last: cronjob.status.last_schedule,
        last_success: last_success(cronjob, children),
        lag: lag(children, now),
        ..Observation::default()
    };
    let timetable = Timetable::read(cronjob.schedule, cronjob.time_zone, zone);
    if cronjob.terminating || cronjob.namespace_terminating {
        // Its Jobs go with it, whatever they are like.
        return seen;
    }
    seen.never_started = never_started(children, now);
    seen.stuck = stuck(children, now);
    let timetable = match timetable {
        Ok(timetable) => timetable,
        Err(error) => {
            seen.trouble = Some(error.into());
            return seen;
        }
    };
    seen.zone = Some(timetable.zone().clone());
    seen.interval = typical_interval(timetable.schedule(), timetable.zone(), now);
    // The controller's clock may be a little ahead of ours.
    seen.last_ahead = seen.last.filter(|last| earlier(*last, grace) > now);
    if cronjob.suspended {
        return seen;
    }
    // A status may be behind what was started.
    let made = made(children, now).map(|(slot, _)| slot).max();
    let since = Since { last: cronjob.status.last_schedule.max(made), ..Since::of(cronjob) };
    match most_recent(&timetable, since, now, false) {
        Ok(recent) => seen.due = recent.slot,
        Err(NeverTwice) => seen.trouble = Some(Trouble::Never),
    }
    if let Some(deadline) = cronjob.deadline.filter(|deadline| *deadline < soonest(&timetable)) {
        seen.trouble.get_or_insert(Trouble::TooLate(deadline));
    }
    let holder = holder(cronjob, children, is_there);
    if seen.trouble.is_none() {
        seen.next = next(&timetable, seen.due.unwrap_or(since.last.unwrap_or(since.created)), now);
        let pending = pending(cronjob, &timetable, since, now);
        seen.pending = pending.filter(|_| matches!(holder, Holder::Nobody));
    }
    let succeeded = seen.last_success.unwrap_or(cronjob.created);
    // What is missed and overdue if the spec has been in force since then.
    let lacks = |in_force: Timestamp| {
        let missed = missed(&timetable, since, in_force, limit).map(|(count, first, latest)| {
            let why = why_missed(&holder, cronjob.deadline, latest, now);
            MissedStarts { count, since: first, latest, why }
        });
        let overdue = seen
            .interval
            .filter(|interval| is_overdue(&timetable, succeeded.max(in_force), *interval, limit));
        Perhaps { missed, overdue: overdue.map(|_| succeeded) }
    };
    // An edit that is yet to come says nothing.
    let in_force = cronjob.in_force.filter(|in_force| earlier(in_force.latest(), grace) <= now);
    let certain = in_force.map(|in_force| lacks(in_force.latest())).unwrap_or_default();
    if !matches!(in_force, Some(InForce::Since(_))) && certain == Perhaps::default() {
        seen.perhaps = lacks(Timestamp::MIN);
    }
    (seen.missed, seen.overdue) = (certain.missed, certain.overdue);
    if let (Some(missed), Holder::Job((job, created))) =
        (certain.missed.or(seen.perhaps.missed), holder)
    {
        seen.blocked = Some(Blocked { job, created, since: missed.since });
    }
    seen
}

/// Why nobody has made the starts of which that at `latest` is the last.
fn why_missed(
    holder: &Holder,
    deadline: Option<i64>,
    latest: Timestamp,
    now: Timestamp,
) -> WhyMissed {
    let too_late = |deadline| latest <= earlier(now, SignedDuration::from_secs(deadline));
    match (holder, deadline) {
        (Holder::Job(_), _) => WhyMissed::Forbid,
        (_, Some(deadline)) if too_late(deadline) => WhyMissed::Deadline,
        (Holder::Perhaps, _) => WhyMissed::NotKnown,
        (Holder::Nobody, _) => WhyMissed::NotStarted,
    }
}

/// The start that the controller makes at its next look: the latest that has come since the last
/// one, by the schedule of today, if its deadline allows. Where the schedule was edited to an
/// earlier hour, this is a time at which nobody had anything to start.
pub fn pending(
    cronjob: &CronJob<'_>,
    timetable: &Timetable,
    since: Since,
    now: Timestamp,
) -> Option<Timestamp> {
    if cronjob.suspended || cronjob.terminating || cronjob.namespace_terminating {
        return None;
    }
    let slot = next_start(timetable, since, now).ok()?.slot?;
    let job = job::name(cronjob.name, slot);
    // What is listed was made, and only the last start is not written down.
    cronjob.status.active.iter().all(|entry| *entry.name != *job).then_some(slot)
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
        let is_over = child.finish.is_some() || child.ending.is_some();
        let waits = child.waits && !is_over && !child.suspended && !child.terminating;
        // One that was suspended at first is as old as its start.
        waits && child.created.max(child.started).is_some_and(|since| since < long_ago)
    });
    stuck.map(|child| child.name.to_owned()).collect()
}

fn stuck(children: &[Child<'_>], now: Timestamp) -> Vec<Stuck> {
    let long_ago = earlier(now, PATIENCE);
    let unfinished = children.iter().filter(|child| child.finish.is_none());
    unfinished
        .filter_map(|child| {
            let ending = child.ending.as_ref()?;
            let since = ending.since.filter(|since| *since < long_ago)?;
            Some(Stuck { job: child.name.to_owned(), since, why: ending.why.clone().into_owned() })
        })
        .collect()
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

/// How many starts have come up to `limit` that nobody has made, with the first and the last. What
/// came before the spec was in force is not among them.
fn missed(
    timetable: &Timetable,
    since: Since,
    in_force: Timestamp,
    limit: Timestamp,
) -> Option<(usize, Timestamp, Timestamp)> {
    let next = |after: Timestamp| timetable.next(after).filter(|start| *start <= limit);
    let base = since.last.unwrap_or(since.created);
    let first = first_after(timetable, base, in_force).filter(|first| *first <= limit)?;
    let starts = iter::successors(Some(first), |start| next(*start)).take(MOST);
    let (count, last) = starts.fold((0, first), |(count, _), start| (count + 1, start));
    if count < MOST {
        return Some((count, first, last));
    }
    // An estimate that overshoots finds none.
    let latest = most_recent(timetable, since, limit, false).ok().and_then(|recent| recent.slot);
    Some((count, first, latest.unwrap_or(last)))
}

/// The first start behind both `base`, from which the controller counts, and `floor`.
fn first_after(timetable: &Timetable, base: Timestamp, floor: Timestamp) -> Option<Timestamp> {
    match timetable.schedule().period() {
        // It has no grid but the one that begins at the last start.
        Some(period) if floor > base => {
            let passed = floor.duration_since(base).as_secs() / period.as_secs();
            base.checked_add(SignedDuration::from_secs((passed + 1) * period.as_secs())).ok()
        }
        _ => timetable.next(base.max(floor)),
    }
}

/// For whose end a `Forbid` waits.
enum Holder {
    Nobody,
    /// With the time at which it was created, where that is known.
    Job((String, Option<Timestamp>)),
    /// For a Job that is listed, if there is one.
    Perhaps,
}

/// A Job that is over holds nothing back: its end is only not written down, which is the
/// controller's fault again. Neither does one that is not there: the controller takes it off its
/// list at the next look, and starts. It leaves on it what is there and not among its children.
fn holder(
    cronjob: &CronJob<'_>,
    children: &[Child<'_>],
    is_there: impl Fn(&str) -> Option<bool>,
) -> Holder {
    // Each round asks this of every CronJob, and most list nothing.
    if cronjob.concurrency != Concurrency::Forbid || cronjob.status.active.is_empty() {
        return Holder::Nobody;
    }
    let children: BTreeMap<&str, &Child<'_>> =
        children.iter().map(|child| (&*child.uid, child)).collect();
    let mut holder = Holder::Nobody;
    for Active { name, uid, .. } in &cronjob.status.active {
        match children.get(&**uid) {
            Some(child) if child.finish.is_some() => {}
            Some(child) => return Holder::Job((child.name.to_owned(), child.created)),
            None => match is_there(name) {
                Some(true) => return Holder::Job((name.to_string(), None)),
                Some(false) => {}
                None => holder = Holder::Perhaps,
            },
        }
    }
    holder
}

/// Whether a success is missing since `succeeded`, or since the spec is in force. Two starts must
/// have come since: a schedule for the summer is not overdue in winter.
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

#[cfg(test)]
mod tests;
