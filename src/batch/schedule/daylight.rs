//! What a change of the clocks does to a schedule: slots that are skipped, slots that come twice.
//!
//! [`disturbances`] is the entry point, for lint warnings and for tables of coming starts. It lets
//! the search for the next start (upstream-semantics.md, 3.4) walk over each change and compares
//! what it finds with the calendar, because more comes of it than one would think:
//!
//! - a time that the clocks skip is not moved, and a time that they show twice is two starts;
//! - where midnight is skipped, a search from the day before does not notice that a new day has
//!   begun: the last start of a day may be followed by one on a day that is not the schedule's;
//! - east of Greenwich it may then miss the whole day;
//! - where clocks change by half an hour, the search goes on at half past each hour and misses
//!   starts before the half hour, in the worst case those of the next month.

use std::cmp::Reverse;
use std::iter;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::calendar::{DAY, HOUR};
use super::plan::{Fields, Plan};
use super::{Schedule, next};
use crate::batch::zone::{Offsets, Zone};

/// A slot of a schedule that a change of the clocks skips, doubles, or makes up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Disturbance {
    /// What the clocks show, or would have shown, at the slot.
    pub local: DateTime,
    /// When the clocks change.
    pub change: Timestamp,
    pub kind: Kind,
}

/// What happens to the slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// No start: the clocks skip the time, or the search misses it. `next` is the first start
    /// behind it, if there is one.
    Gap { next: Option<Timestamp> },
    /// Two starts, one before and one after the change.
    Overlap { first: Timestamp, second: Timestamp },
    /// One start that the schedule does not name: what the clocks skip hid from the search that its
    /// day or hour is over.
    Stray { at: Timestamp },
}

/// A change of the clocks; times in seconds, local ones since 1970-01-01T00:00:00 local time.
struct Change {
    at: i64,
    before: i64,
    after: i64,
}

/// The slots of the schedule that a change of the clocks skips, doubles or makes up within a year
/// after `now`, in the order of their local times.
///
/// A schedule that runs in every hour goes on in elapsed time: there only slots count whose pause
/// changes, as those of an hourly schedule where the clocks change by half an hour.
pub fn disturbances(schedule: &Schedule, zone: &Zone, now: Timestamp) -> Vec<Disturbance> {
    let Plan::Fields(fields) = &schedule.plan else { return Vec::new() };
    let zone = schedule.zone(zone);
    let end = now.saturating_add(YEAR).expect("a timestamp and a duration without units");
    let mut before = zone.time_zone().to_offset(now).seconds();
    let mut found: Vec<Disturbance> = Vec::new();
    for transition in zone.time_zone().following(now) {
        if transition.timestamp() > end {
            break;
        }
        let after = transition.offset().seconds();
        let change = Change {
            at: transition.timestamp().as_second(),
            before: before.into(),
            after: after.into(),
        };
        before = after;
        if change.matters(fields) {
            found.append(&mut change.disturbances(fields, zone));
        }
    }
    // A search that comes past several changes tells of its slots at each of them; the last one
    // before a slot is the one that disturbs it.
    found.sort_by_key(|found| (found.local, Reverse(found.change)));
    found.dedup_by_key(|found| found.local);
    found
}

// === impl Change ===

impl Change {
    /// Whether the change can disturb the schedule at all: saves the search for those that run in
    /// every hour, which have the most starts.
    fn matters(&self, fields: &Fields) -> bool {
        let goes_on = fields.has_every_hour() && fields.has_every_day();
        self.before != self.after && !(goes_on && self.shift() % HOUR == 0)
    }

    /// The slots that the change disturbs.
    fn disturbances(&self, fields: &Fields, zone: &Zone) -> Vec<Disturbance> {
        let from = self.at + self.before.min(self.after);
        let both_sides = self.at + self.before.max(self.after);
        let mut clocks = Offsets::new(zone);
        let starts = self.starts(fields, zone).into_iter().map(|at| (clocks.local(at), at));
        let mut starts: Vec<_> = starts.filter(|(local, _)| *local >= from).collect();
        starts.sort_unstable();
        let until = match starts.last() {
            Some((local, at)) if *at >= self.at => both_sides.max(*local),
            // A search that never ends finds nothing more; the day of the change says enough.
            _ => both_sides + (-both_sides).rem_euclid(DAY),
        };

        let at_local = |local: i64| {
            let first = starts.partition_point(|start| start.0 < local);
            let last = starts.partition_point(|start| start.0 <= local);
            &starts[first..last]
        };
        let mut found = Vec::new();
        for local in slots(fields, from, until) {
            // A schedule that runs in every hour goes on in elapsed time: in the place of this slot
            // comes the one of the hour behind the change, or this one in the place of that.
            let instead = local + self.shift();
            let goes_on = fields.has_every_hour() && fields.has(instead);
            match at_local(local) {
                [] => {
                    let in_gap = (self.at + self.before..self.at + self.after).contains(&local);
                    if in_gap && goes_on && !at_local(instead).is_empty() {
                        continue;
                    }
                    let at = if in_gap { local - self.before } else { clocks.instant(local) };
                    let later = starts.iter().map(|start| start.1).filter(|start| *start >= at);
                    let next = later.min().and_then(timestamp);
                    found.extend(self.disturbance(local, Kind::Gap { next }));
                }
                [(_, first), (_, second)] if !goes_on => {
                    if let (Some(first), Some(second)) = (timestamp(*first), timestamp(*second)) {
                        found.extend(self.disturbance(local, Kind::Overlap { first, second }));
                    }
                }
                _ => {}
            }
        }
        for (local, at) in starts {
            if let (false, Some(at)) = (fields.has(local), timestamp(at)) {
                found.extend(self.disturbance(local, Kind::Stray { at }));
            }
        }
        found
    }

    /// The starts around the change in the order in which a controller finds them: from the last
    /// one before it, or an earlier one, to the first one behind all that the change touches.
    fn starts(&self, fields: &Fields, zone: &Zone) -> Vec<i64> {
        let (touched, end) = (self.at - self.shift(), self.at + self.shift());
        let from = |behind: i64| next::next(fields, touched - behind, zone);
        // Searches that begin more than a day earlier come to the change in the same state. Of a
        // schedule with many starts the last hour has one, and is quicker.
        let first = from(HOUR).filter(|first| *first < touched).or_else(|| from(2 * DAY));
        iter::successors(
            first,
            |start| {
                if *start < end { next::next(fields, *start, zone) } else { None }
            },
        )
        .collect()
    }

    /// By how many seconds the clocks change, in either direction.
    const fn shift(&self) -> i64 {
        (self.after - self.before).abs()
    }

    /// Nothing beyond the ends of the calendar, where no change of the clocks is.
    fn disturbance(&self, local: i64, kind: Kind) -> Option<Disturbance> {
        let local = Offset::UTC.to_datetime(timestamp(local)?);
        Some(Disturbance { local, change: timestamp(self.at)?, kind })
    }
}

/// The slots of the schedule from `start` up to but without `end`, by a calendar without changes.
fn slots(fields: &Fields, start: i64, end: i64) -> impl Iterator<Item = i64> {
    let next = move |after: i64| next::next(fields, after, &Zone::UTC).filter(|next| *next < end);
    iter::successors(next(start - 1), move |slot| next(*slot))
}

fn timestamp(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

/// How far ahead changes are looked for: a year, and the day by which the dates of rules such as
/// "the last Sunday" move on.
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);
