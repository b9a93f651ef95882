//! What a schedule says, read.

use super::calendar;

/// When a schedule starts something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Plan {
    /// This many seconds after the last time, without a grid of its own.
    Every(i64),
    Fields(Fields),
}

/// The five fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fields {
    pub(super) minutes: Set,
    pub(super) hours: Set,
    pub(super) days: Set,
    pub(super) months: Set,
    pub(super) weekdays: Set,
    /// Whether the day of the month or the day of the week was left open (`*`, `?`, `*/1`): then
    /// both must match, else either suffices.
    pub(super) both_days: bool,
}

/// A set of numbers from 0 to 62, each a bit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Set(pub(super) u64);

// === impl Fields ===

impl Fields {
    /// Whether the local time, in seconds since 1970-01-01T00:00:00 local time, is a start.
    pub(super) fn has(&self, local: i64) -> bool {
        let date = calendar::Date::of(local);
        local.rem_euclid(60) == 0
            && self.minutes.has(calendar::minute(local))
            && self.hours.has(calendar::hour(local))
            && self.months.has(date.month)
            && self.has_day(date)
    }

    /// Whether the day is one of the schedule's days; its month is not looked at.
    pub(super) fn has_day(&self, date: calendar::Date) -> bool {
        let day = self.days.has(date.day);
        let weekday = self.weekdays.has(date.weekday());
        if self.both_days { day && weekday } else { day || weekday }
    }

    /// Whether there is a start on each day of each month.
    pub(super) fn has_every_day(&self) -> bool {
        let days = self.days == Set::ALL_DAYS;
        let weekdays = self.weekdays == Set::ALL_WEEKDAYS;
        let every = if self.both_days { days && weekdays } else { days || weekdays };
        every && self.months == Set::ALL_MONTHS
    }

    /// Whether there are starts in each hour of a day.
    pub(super) fn has_every_hour(&self) -> bool {
        self.hours == Set::ALL_HOURS
    }

    /// Whether a field is empty that no start can do without. A list of commas parses to that.
    pub(super) fn is_empty(&self) -> bool {
        let (days, weekdays) = (self.days.is_empty(), self.weekdays.is_empty());
        let days = if self.both_days { days || weekdays } else { days && weekdays };
        self.minutes.is_empty() || self.hours.is_empty() || self.months.is_empty() || days
    }
}

// === impl Set ===

impl Set {
    pub(super) const ALL_DAYS: Self = Self::range(1, 31);
    pub(super) const ALL_HOURS: Self = Self::range(0, 23);
    pub(super) const ALL_MONTHS: Self = Self::range(1, 12);
    pub(super) const ALL_WEEKDAYS: Self = Self::range(0, 6);
    pub(super) const EMPTY: Self = Self(0);

    /// The numbers from `first` to `last`, both included.
    pub(super) const fn range(first: u32, last: u32) -> Self {
        Self((u64::MAX >> (63 - last)) & (u64::MAX << first))
    }

    pub(super) const fn of(number: i64) -> Self {
        Self(1 << number)
    }

    pub(super) const fn has(self, number: i64) -> bool {
        self.0 >> number & 1 == 1
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn first(self) -> Option<i64> {
        self.numbers().next()
    }

    pub(super) fn last(self) -> Option<i64> {
        self.numbers().last()
    }

    /// The numbers in ascending order.
    pub(super) fn numbers(self) -> impl Iterator<Item = i64> {
        (0..63).filter(move |number| self.has(*number))
    }
}
