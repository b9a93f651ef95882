//! The five fields of a schedule, and what may stand in each.

use super::plan::Set;
use crate::named::named;

named! {
    /// One of the five fields.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum Field {
        Minute = "minute",
        Hour = "hour",
        DayOfMonth = "day-of-month",
        Month = "month",
        DayOfWeek = "day-of-week",
    }
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

    /// The numbers of a member, `range` or `range/step`, and whether it carries the star mark.
    pub(super) fn member(self, text: &str) -> Result<(Set, bool), Flaw> {
        let (least, greatest) = self.bounds();
        let split = |text, at| match str::split_once(text, at) {
            None => (text, None),
            Some((start, end)) => (start, Some(end)),
        };
        let (range, step) = split(text, '/');
        let (start, end) = split(range, '-');
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
