//! The grammar of schedules: `ParseStandard` of robfig/cron (upstream-semantics.md, 3.1 and 3.2).
//!
//! It takes what no manual mentions (`*-5` is `*`, `1,,2` is `1,2`, a field of commas never
//! matches) and refuses what other crons take (day 7, `@Daily`, `FRI-MON`). Both are kept.

use std::fmt;

use super::{Fields, Plan, Schedule, ScheduleError, Set};
use crate::batch::zone;

mod duration;

/// One of the five fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

/// What is wrong with a member of a field's list.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Flaw {
    #[error("{number} is above the greatest value, {last}")]
    Above { number: i64, last: u32 },
    #[error("{number} is below the least value, {first}")]
    Below { number: i64, first: u32 },
    #[error(
        "{start} comes after {end}; a range cannot wrap around, write two with a comma between"
    )]
    Backwards { start: i64, end: i64 },
    #[error("a range has one hyphen")]
    ManyHyphens,
    #[error("a step has one slash")]
    ManySlashes,
    #[error("a number is missing; leave the hyphen or slash out, or put one on both sides")]
    Missing,
    #[error("`{text}` is no number; there is no `L`, `W` or `#`, and no fraction")]
    NotANumber { text: String },
    #[error("`{text}` is neither a number nor a name of three letters, such as `{example}`")]
    NotAName { text: String, example: &'static str },
    #[error("7 is no day of the week here; write 0 for Sunday")]
    Seven,
    #[error("the step must be 1 or more")]
    Step,
}

/// The schedule in a text.
pub(super) fn schedule(text: &str) -> Result<Schedule, ScheduleError> {
    if text.is_empty() {
        return Err(ScheduleError::Empty);
    }
    let (zone, rest) = match text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
        None => (None, text),
        Some(rest) => {
            let Some((name, rest)) = rest.split_once(' ') else {
                return Err(ScheduleError::ZoneOnly { text: text.to_owned() });
            };
            let zone = match name {
                "" => Some(zone::Zone::UTC),
                // The zone of the process: the one that a caller of `next` passes.
                "Local" => None,
                name => Some(zone::load(name)?),
            };
            (zone, rest.trim())
        }
    };
    let plan = if rest.starts_with('@') { descriptor(rest)? } else { Plan::Fields(fields(rest)?) };
    Ok(Schedule { zone, plan })
}

/// The five fields as they are written; `None` of a macro.
pub(super) fn members(text: &str) -> Option<[(Field, &str); 5]> {
    let zone = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ="));
    let rest = zone.map_or(Some(text), |rest| Some(rest.split_once(' ')?.1))?;
    let parts: Vec<&str> = rest.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = parts[..] else { return None };
    Some([
        (Field::Minute, minutes),
        (Field::Hour, hours),
        (Field::DayOfMonth, days),
        (Field::Month, months),
        (Field::DayOfWeek, weekdays),
    ])
}

// === impl Field ===

impl Field {
    /// How many numbers it has.
    pub(super) const fn size(self) -> i64 {
        let (least, greatest) = self.bounds();
        (greatest - least + 1) as i64
    }

    /// The numbers of a member of its list, in ascending order; `None` where it is none.
    pub(super) fn numbers(self, member: &str) -> Option<Vec<i64>> {
        self.member(member).ok().map(|(set, _)| set.numbers().collect())
    }

    /// The least and the greatest number of the field.
    const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
        }
    }

    /// The names that stand for numbers in this field, from its least number on.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Minute | Self::Hour | Self::DayOfMonth => &[],
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
        }
    }

    /// The numbers of a field, and whether it carries the star mark.
    fn parse(self, text: &str) -> Result<(Set, bool), ScheduleError> {
        let mut set = Set::EMPTY;
        let mut star = false;
        for member in text.split(',').filter(|member| !member.is_empty()) {
            let (numbers, mark) = self.member(member).map_err(|flaw| ScheduleError::Member {
                field: self,
                member: member.to_owned(),
                flaw,
            })?;
            set = Set(set.0 | numbers.0);
            star |= mark;
        }
        Ok((set, star))
    }

    /// The numbers of a member, `range` or `range/step`, and whether it carries the star mark.
    fn member(self, text: &str) -> Result<(Set, bool), Flaw> {
        let (least, greatest) = self.bounds();
        let (range, step) = match text.split_once('/') {
            None => (text, None),
            Some((range, step)) => (range, Some(step)),
        };
        let (start, end) = match range.split_once('-') {
            None => (range, None),
            Some((start, end)) => (start, Some(end)),
        };
        let mut star = matches!(start, "*" | "?");
        let (start, mut end, single) = match (star, end) {
            // Whatever follows a hyphen here is not read.
            (true, end) => (i64::from(least), i64::from(greatest), end.is_none()),
            (false, None) => {
                let number = self.number(start)?;
                (number, number, true)
            }
            (false, Some(end)) => {
                if end.contains('-') {
                    return Err(Flaw::ManyHyphens);
                }
                (self.number(start)?, self.number(end)?, false)
            }
        };
        let step = match step {
            None => 1,
            Some(step) if step.contains('/') => return Err(Flaw::ManySlashes),
            Some(step) => {
                if single {
                    end = greatest.into();
                }
                integer(step).ok_or_else(|| Flaw::not_a_number(step, None))?
            }
        };
        if step < 1 {
            return Err(Flaw::Step);
        }
        star &= step == 1;
        if start < least.into() {
            return Err(Flaw::Below { number: start, first: least });
        }
        if end > greatest.into() {
            return Err(match (self, end) {
                (Self::DayOfWeek, 7) => Flaw::Seven,
                _ => Flaw::Above { number: end, last: greatest },
            });
        }
        if start > end {
            return Err(Flaw::Backwards { start, end });
        }
        let numbers = (start..=end).filter(|number| (number - start) % step == 0);
        Ok((Set(numbers.fold(0, |bits, number| bits | 1 << number)), star))
    }

    /// A number of this field, or a name that stands for one.
    fn number(self, text: &str) -> Result<i64, Flaw> {
        let (least, _) = self.bounds();
        let numbers = i64::from(least)..;
        let named = self.names().iter().zip(numbers).find(|(name, _)| is_name(text, name));
        match named {
            Some((_, number)) => Ok(number),
            None => {
                integer(text).ok_or_else(|| Flaw::not_a_number(text, self.names().first().copied()))
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
        })
    }
}

// === impl Flaw ===

impl Flaw {
    /// Of a text that is no number, where names stand for numbers with one of them.
    fn not_a_number(text: &str, example: Option<&'static str>) -> Self {
        let owned = text.to_owned();
        match example {
            _ if text.is_empty() => Self::Missing,
            Some(example) => Self::NotAName { text: owned, example },
            None => Self::NotANumber { text: owned },
        }
    }
}

/// What a text that starts with `@` stands for.
fn descriptor(text: &str) -> Result<Plan, ScheduleError> {
    let equal = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let Some(every) = text.strip_prefix("@every ") else {
                return Err(ScheduleError::Macro { text: text.to_owned() });
            };
            let Some(nanoseconds) = duration::parse(every) else {
                return Err(ScheduleError::Duration { text: every.to_owned() });
            };
            return Ok(Plan::Every((nanoseconds / NANOSECONDS).max(1)));
        }
    };
    fields(equal).map(Plan::Fields)
}

/// The five fields of a text.
fn fields(text: &str) -> Result<Fields, ScheduleError> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = parts[..] else {
        return Err(ScheduleError::FieldCount { found: parts.len() });
    };
    let (minutes, _) = Field::Minute.parse(minutes)?;
    let (hours, _) = Field::Hour.parse(hours)?;
    let (days, open_days) = Field::DayOfMonth.parse(days)?;
    let (months, _) = Field::Month.parse(months)?;
    let (weekdays, open_weekdays) = Field::DayOfWeek.parse(weekdays)?;
    Ok(Fields { minutes, hours, days, months, weekdays, both_days: open_days || open_weekdays })
}

/// A decimal number as Go's `Atoi` reads it: a sign and leading zeros are fine.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Whether `text` is the name in any letter case. Go's lower case of `İ` is a plain `i`.
fn is_name(text: &str, name: &str) -> bool {
    let lower = |letter: char| if letter == 'İ' { 'i' } else { letter.to_ascii_lowercase() };
    text.chars().map(lower).eq(name.chars())
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Nanoseconds of a second.
const NANOSECONDS: i64 = 1_000_000_000;
