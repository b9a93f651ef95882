//! The search for the next start: `SpecSchedule.Next` of robfig/cron, step by step.
//!
//! The order of the steps, what is cut and when, and the one correction of each date are the
//! semantics: what daylight saving does to a schedule follows from them (upstream-semantics.md, 3.4
//! and 3.5). It differs only where the original does not end. A field that is empty answers at once
//! instead of after a walk through five years; a day that a zone left out answers "never"; and
//! where the original goes back in time, and a caller round and round with it, this goes on.

use super::calendar::{self, DAY, Date, HOUR, MINUTE};
use super::plan::Fields;
use crate::batch::zone::{Offsets, Zone};

/// The first start after `after`; all in seconds since 1970-01-01T00:00:00 UTC.
pub(super) fn next(fields: &Fields, after: i64, zone: &Zone) -> Option<i64> {
    if fields.is_empty() {
        return None;
    }
    let found = search(fields, after, zone)?;
    if found > after {
        return Some(found);
    }
    // Clocks that go back within an hour (`Pacific/Chatham`, 3:45 to 2:45) let the cut to the full
    // hour come out before the change. The minutes behind it are tried one by one, until the search
    // begins in an hour that matches or behind the repeated time.
    let minute = after - after.rem_euclid(MINUTE);
    (1..DAY / MINUTE)
        .map_while(|minutes| search(fields, minute + minutes * MINUTE - 1, zone))
        .find(|found| *found > after)
}

/// What the original answers.
fn search(fields: &Fields, after: i64, zone: &Zone) -> Option<i64> {
    let mut clocks = Offsets::new(zone);
    let mut at = after.checked_add(1)?;
    let last_year = Date::of(clocks.local(at)).year + YEARS;
    // Whether smaller units were cut to their beginning: once in the whole search, by whichever
    // step comes first.
    let mut cut = false;

    'all: loop {
        let mut date = Date::of(clocks.local(at));
        if date.year > last_year {
            return None;
        }

        while !fields.months.has(date.month) {
            if !cut {
                cut = true;
                at = clocks.instant(date.start_of_month());
            }
            let local = calendar::one_month_on(clocks.local(at));
            at = later(at, clocks.instant(local))?;
            date = Date::of(clocks.local(at));
            if date.month == 1 {
                continue 'all;
            }
        }

        while !fields.has_day(date) {
            if !cut {
                cut = true;
                at = clocks.instant(date.start());
            }
            let local = clocks.local(at) + DAY;
            let mut moved = clocks.instant(local);
            // Where midnight does not exist the date above lies beside it: on by so many hours, or
            // back by so many. Back is the day before, so the day itself may be missed: upstream's.
            match calendar::hour(clocks.local(moved)) {
                hour if hour > 12 => moved += (24 - hour) * HOUR,
                hour => moved -= hour * HOUR,
            }
            at = later(at, moved)?;
            date = Date::of(clocks.local(at));
            if date.day == 1 {
                continue 'all;
            }
        }

        loop {
            let local = clocks.local(at);
            if fields.hours.has(calendar::hour(local)) {
                break;
            }
            if !cut {
                cut = true;
                at = clocks.instant(local - local.rem_euclid(HOUR));
            }
            at += HOUR;
            if calendar::hour(clocks.local(at)) == 0 {
                continue 'all;
            }
        }

        while !fields.minutes.has(calendar::minute(clocks.local(at))) {
            if !cut {
                cut = true;
                at -= at.rem_euclid(MINUTE);
            }
            at += MINUTE;
            if calendar::minute(clocks.local(at)) == 0 {
                continue 'all;
            }
        }

        match clocks.local(at).rem_euclid(MINUTE) {
            0 => return Some(at),
            second => {
                cut = true;
                at += MINUTE - second;
            }
        }
    }
}

/// `moved`, if that is later than `at`. A search that does not move on never will: the zone leaves
/// the day out, and Go's rule for a time that does not exist leads back to where it was.
fn later(at: i64, moved: i64) -> Option<i64> {
    (moved > at).then_some(moved)
}

/// Nothing within the calendar years up to this many after the first means never.
const YEARS: i64 = 5;
