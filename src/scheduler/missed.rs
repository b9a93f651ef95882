//! Which start is due, and when to look again (upstream-semantics.md, 2.6 and 2.9).
//!
//! Years without a controller cost no walk: the number of missed starts is estimated from the
//! distance of the first two, and only the last of them are walked. On an irregular schedule the
//! estimate can overshoot; then nothing is due although a start was missed. That is upstream's, and
//! kept: who started a Job there would start one that nobody else does.

use jiff::{SignedDuration, Timestamp};

use super::timetable::Timetable;
use crate::batch::CronJob;

/// From when on starts count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Since {
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// `status.lastScheduleTime`.
    pub last: Option<Timestamp>,
    /// `spec.startingDeadlineSeconds`.
    pub deadline: Option<i64>,
}

/// How many starts were missed, the due one included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Missed {
    #[default]
    None,
    Few,
    /// More than a hundred: worth a warning, and no reason not to start the latest.
    Many,
}

/// The latest start that has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recent {
    /// From where the search began.
    pub earliest: Timestamp,
    /// `None` where no start has come, or the estimate overshot.
    pub slot: Option<Timestamp>,
    pub missed: Missed,
}

/// Why a schedule cannot be searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("time difference between two schedules is less than 1 second")]
pub struct NeverTwice;

/// The latest start up to `now`; a start at `now` counts.
///
/// # Errors
/// Where the schedule does not name two starts, as `0 0 31 2 *` names none.
pub fn most_recent(
    timetable: &Timetable,
    since: Since,
    now: Timestamp,
    by_deadline: bool,
) -> Result<Recent, NeverTwice> {
    let earliest = since.earliest(now, by_deadline);
    let none = Recent { earliest, slot: None, missed: Missed::None };
    let first = timetable.next(earliest).ok_or(NeverTwice)?;
    let Some(second) = timetable.next(first) else {
        return if now < first { Ok(none) } else { Err(NeverTwice) };
    };
    if now < first {
        return Ok(none);
    }
    if now < second {
        return Ok(Recent { slot: Some(first), ..none });
    }
    let step = second.as_second() - first.as_second();
    if step < 1 {
        return Err(NeverTwice);
    }
    let missed = now.duration_since(first).as_secs() / step + 1;
    // Not from the first one: see above.
    let back = (missed - 2).saturating_mul(step);
    let start = first.saturating_add(SignedDuration::from_secs(back)).unwrap_or(now);
    let mut slot = None;
    let mut next = timetable.next(start);
    while let Some(at) = next.filter(|at| *at <= now) {
        slot = Some(at);
        next = timetable.next(at);
    }
    let missed = if missed > TOO_MANY { Missed::Many } else { Missed::Few };
    Ok(Recent { earliest, slot, missed })
}

/// The start that is due: the latest within the deadline. Its [`Missed`] says whether to warn.
///
/// # Errors
/// As [`most_recent`].
pub fn next_start(
    timetable: &Timetable,
    since: Since,
    now: Timestamp,
) -> Result<Recent, NeverTwice> {
    most_recent(timetable, since, now, true)
}

/// When to look at a `CronJob` again; `None` where no start is to come.
pub fn next_look(timetable: &Timetable, since: Since, now: Timestamp) -> Option<Timestamp> {
    let base = match most_recent(timetable, since, now, false) {
        Ok(Recent { slot: Some(slot), .. }) => slot,
        Ok(Recent { earliest, slot: None, missed: Missed::None }) => earliest,
        Ok(Recent { slot: None, .. }) | Err(NeverTwice) => now,
    };
    timetable.next(base)?.checked_add(AFTER_SLOT).ok()
}

// === impl Since ===

impl Since {
    /// From when on the starts of a `CronJob` count.
    pub fn of(cronjob: &CronJob<'_>) -> Self {
        let CronJob { created, status, deadline, .. } = cronjob;
        Self { created: *created, last: status.last_schedule, deadline: *deadline }
    }

    fn earliest(self, now: Timestamp, by_deadline: bool) -> Timestamp {
        let Self { created, last, deadline } = self;
        let earliest = last.unwrap_or(created);
        let Some(deadline) = deadline.filter(|_| by_deadline) else { return earliest };
        // Saturates where upstream's nanoseconds would wrap.
        let deadline = SignedDuration::from_secs(deadline);
        earliest.max(now.saturating_sub(deadline).unwrap_or(Timestamp::MIN))
    }
}

/// More than this many are worth a warning.
const TOO_MANY: i64 = 100;

/// Absorbs a clock that is a little behind, and puts the look just after the start.
pub const AFTER_SLOT: SignedDuration = SignedDuration::from_millis(100);

#[cfg(test)]
mod tests;
