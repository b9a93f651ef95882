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
mod error;
mod field;
mod next;
mod parse;
mod plan;

use jiff::{SignedDuration, Timestamp};

use self::plan::Plan;
use super::zone::Zone;

pub use self::error::ScheduleError;
pub use self::field::{Field, Flaw};

/// A schedule that parses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// What a `TZ=` in front of the schedule names; it wins over every other zone.
    zone: Option<Zone>,
    plan: Plan,
}

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
        let (zone, plan) = parse::schedule(text)?;
        Ok(Self { zone, plan })
    }

    /// In bytes: what is longer is refused.
    pub const LONGEST: usize = error::LONGEST;

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

/// The last whole second at or before the instant.
fn whole_seconds(instant: Timestamp) -> i64 {
    // A timestamp before 1970 has its fraction below zero.
    instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)
}
