//! Cron schedules, as the `CronJob` controller understands them (upstream-semantics.md, 3).
//!
//! The grammar and the search for the next start are those of robfig/cron v3.0.1, which both the
//! API server and the controller use, with its peculiarities: another reading would show people
//! starts that never come. [`Schedule::parse`] is the entry point; `parse` holds the grammar, `next`
//! the search, [`daylight`] what a change of the clocks does to a schedule, [`interval`] how far
//! apart the starts are, and [`misread`] what starts other than it looks. It must not know what a
//! `CronJob` is, nor what time it is.

pub mod daylight;
pub mod interval;
pub mod misread;

mod calendar;
mod next;
mod parse;

use jiff::{SignedDuration, Timestamp};

use super::zone::{Zone, ZoneError};

pub use parse::{Field, Flaw};

/// A schedule that parses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// What a `TZ=` in front of the schedule names; it wins over every other zone.
    zone: Option<Zone>,
    plan: Plan,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "the schedule is empty; write five fields, minute hour day-of-month month day-of-week, or \
         a macro such as `@daily`"
    )]
    Empty,
    #[error(
        "expected 5 fields, minute hour day-of-month month day-of-week, but found {found}; there \
         is no field for seconds or years, and a macro such as `@daily` stands alone without \
         blanks"
    )]
    FieldCount { found: usize },
    #[error("`{member}` in the {field} field: {flaw}")]
    Member { field: Field, member: String, flaw: Flaw },
    #[error(
        "`{text}` is no duration; write `@every` and one blank, then numbers with the units `h`, \
         `m` or `s`, such as `@every 1h30m`"
    )]
    Duration { text: String },
    #[error(
        "unknown macro `{text}`; there are `@yearly`, `@annually`, `@monthly`, `@weekly`, \
         `@daily`, `@midnight`, `@hourly` and `@every <duration>`, in lower case and without \
         blanks around"
    )]
    Macro { text: String },
    #[error("the schedule is longer than {} bytes", Schedule::LONGEST)]
    TooLong,
    #[error(transparent)]
    Zone(#[from] ZoneError),
    #[error("`{text}` names a time zone and nothing else; put a blank and the five fields behind")]
    ZoneOnly { text: String },
}

/// When a schedule starts something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Plan {
    /// This many seconds after the last time, without a grid of its own.
    Every(i64),
    Fields(Fields),
}

/// The five fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Fields {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    /// Whether the day of the month or the day of the week was left open (`*`, `?`, `*/1`): then
    /// both must match, else either suffices.
    both_days: bool,
}

/// A set of numbers from 0 to 62, each a bit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Set(u64);

// === impl Schedule ===

impl Schedule {
    /// Reads a schedule as `ParseStandard` of robfig/cron does, to the letter.
    ///
    /// This is what the API server checks, with one exception that [`Self::mentions_zone`] finds:
    /// a `TZ=` or `CRON_TZ=` in front parses, but is not allowed in a new `CronJob`. What is longer
    /// than [`Self::LONGEST`] is refused here alone.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        if text.len() > Self::LONGEST {
            return Err(ScheduleError::TooLong);
        }
        parse::schedule(text)
    }

    /// In bytes. Every number of all five fields, written out, takes less than half of it; the API
    /// server takes a megabyte of repetitions, of each `CronJob`, which nobody is to hold for long.
    pub const LONGEST: usize = 1024;

    /// Whether the text has the two letters `TZ` anywhere: the API server then refuses it, unless
    /// the stored schedule has them already, and the controller ignores `timeZone`.
    pub fn mentions_zone(text: &str) -> bool {
        text.contains("TZ")
    }

    /// The first start strictly after `after`, with the clocks of `zone` unless the schedule brings
    /// a zone of its own.
    ///
    /// `None` if there is none within the calendar years up to the fifth after `after`, as for the
    /// 31st of February, or if the search of the original would never end: it does not get past a
    /// day that a zone left out (`Pacific/Apia`, 2011-12-30).
    pub fn next(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let after = whole_seconds(after);
        let next = match &self.plan {
            Plan::Every(seconds) => after.checked_add(*seconds),
            Plan::Fields(fields) => next::next(fields, after, self.zone(zone)),
        };
        next.and_then(|next| Timestamp::from_second(next).ok())
    }

    /// The zone whose clocks the schedule follows where everybody else follows `zone`.
    pub fn zone<'z>(&'z self, zone: &'z Zone) -> &'z Zone {
        self.zone.as_ref().unwrap_or(zone)
    }

    /// The zone that a `TZ=` in front of the schedule names.
    pub const fn own_zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// How far apart the starts of an `@every` schedule are; `None` for all others, whose starts
    /// are on the calendar.
    pub const fn period(&self) -> Option<SignedDuration> {
        match self.plan {
            Plan::Every(seconds) => Some(SignedDuration::from_secs(seconds)),
            Plan::Fields(_) => None,
        }
    }
}

impl std::str::FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

// === impl Fields ===

impl Fields {
    /// Whether the local time, in seconds since 1970-01-01T00:00:00 local time, is a start.
    fn has(&self, local: i64) -> bool {
        let date = calendar::Date::of(local);
        local.rem_euclid(60) == 0
            && self.minutes.has(calendar::minute(local))
            && self.hours.has(calendar::hour(local))
            && self.months.has(date.month)
            && self.has_day(date)
    }

    /// Whether the day is one of the schedule's days; its month is not looked at.
    fn has_day(&self, date: calendar::Date) -> bool {
        let day = self.days.has(date.day);
        let weekday = self.weekdays.has(date.weekday());
        if self.both_days { day && weekday } else { day || weekday }
    }

    /// Whether there is a start on each day of each month.
    fn has_every_day(&self) -> bool {
        let days = self.days == Set::ALL_DAYS;
        let weekdays = self.weekdays == Set::ALL_WEEKDAYS;
        let every = if self.both_days { days && weekdays } else { days || weekdays };
        every && self.months == Set::ALL_MONTHS
    }

    /// Whether there are starts in each hour of a day.
    fn has_every_hour(&self) -> bool {
        self.hours == Set::ALL_HOURS
    }

    /// Whether a field is empty that no start can do without. A list of commas parses to that.
    fn is_empty(&self) -> bool {
        let days = match (self.days.is_empty(), self.weekdays.is_empty()) {
            (true, true) => true,
            (true, false) | (false, true) => self.both_days,
            (false, false) => false,
        };
        self.minutes.is_empty() || self.hours.is_empty() || self.months.is_empty() || days
    }
}

// === impl Set ===

impl Set {
    const ALL_DAYS: Self = Self::range(1, 31);
    const ALL_HOURS: Self = Self::range(0, 23);
    const ALL_MONTHS: Self = Self::range(1, 12);
    const ALL_WEEKDAYS: Self = Self::range(0, 6);
    const EMPTY: Self = Self(0);

    /// The numbers from `first` to `last`, both included.
    const fn range(first: u32, last: u32) -> Self {
        Self((u64::MAX >> (63 - last)) & (u64::MAX << first))
    }

    const fn of(number: i64) -> Self {
        Self(1 << number)
    }

    const fn has(self, number: i64) -> bool {
        self.0 >> number & 1 == 1
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn first(self) -> Option<i64> {
        self.numbers().next()
    }

    fn last(self) -> Option<i64> {
        self.numbers().last()
    }

    /// The numbers in ascending order.
    fn numbers(self) -> impl Iterator<Item = i64> {
        (0..63).filter(move |number| self.has(*number))
    }
}

/// The last whole second at or before the instant.
fn whole_seconds(instant: Timestamp) -> i64 {
    // A timestamp before 1970 has its fraction below zero.
    instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)
}
