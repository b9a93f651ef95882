//! Why a text is no schedule.

use super::field::{Field, Flaw};
use crate::batch::zone::ZoneError;

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
    #[error("`{member}` in the {} field: {flaw}", .field.as_str())]
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
    #[error("the schedule is longer than {} bytes", LONGEST)]
    TooLong,
    #[error(transparent)]
    Zone(#[from] ZoneError),
    #[error("`{text}` names a time zone and nothing else; put a blank and the five fields behind")]
    ZoneOnly { text: String },
}

/// In bytes. Every number of all five fields, written out, takes less than half of it; the API
/// server takes a megabyte of repetitions, of each `CronJob`, which nobody is to hold for long.
pub(super) const LONGEST: usize = 1024;
