//! Days, months and years of local time that is counted in seconds since 1970-01-01T00:00:00.
//!
//! The search for the next start steps through dates by the hundred, in any year that sixty-four
//! bits lead to: arithmetic that cannot fail keeps it short, and makes it several times faster than
//! a calendar that checks each step. [`Date::of`] is the entry point.

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Date {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
    /// The number of days since 1970-01-01.
    pub(super) number: i64,
}

/// The hour of the day, 0 to 23.
pub(super) const fn hour(local: i64) -> i64 {
    local.rem_euclid(DAY) / HOUR
}

/// The minute of the hour, 0 to 59.
pub(super) const fn minute(local: i64) -> i64 {
    local.rem_euclid(HOUR) / MINUTE
}

/// The local time, with the seconds since its midnight kept, in the month after; a day that does
/// not exist there runs on into the month behind it, as 31 April is 1 May.
pub(super) const fn one_month_on(local: i64) -> i64 {
    let Date { year, month, day, .. } = Date::of(local);
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    (first_of_month(year, month) + day - 1) * DAY + local.rem_euclid(DAY)
}

// === impl Date ===

impl Date {
    /// The day of a local time.
    pub(super) const fn of(local: i64) -> Self {
        // By Howard Hinnant ("chrono-Compatible Low-Level Date Algorithms"): years begin in March,
        // so that the leap day comes last, and an era is the 400 years after which all repeats.
        let number = local.div_euclid(DAY);
        let shifted = number + MARCH_OF_YEAR_ZERO;
        let era = shifted.div_euclid(DAYS_OF_ERA);
        let of_era = shifted.rem_euclid(DAYS_OF_ERA);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as i64;
        Self { year, month, day, number }
    }

    /// The day of the week: 0 is Sunday.
    pub(super) const fn weekday(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.number + 4).rem_euclid(7)
    }

    /// The local midnight with which the month begins.
    pub(super) const fn start_of_month(self) -> i64 {
        (self.number - self.day + 1) * DAY
    }

    /// The local midnight with which the day begins.
    pub(super) const fn start(self) -> i64 {
        self.number * DAY
    }
}

/// The number of the first day of a month.
const fn first_of_month(year: i64, month: i64) -> i64 {
    let (year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let of_year = (153 * march_month + 2) / 5;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * DAYS_OF_ERA + of_era - MARCH_OF_YEAR_ZERO
}

/// Seconds of a minute, an hour, and a day.
pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 86_400;

/// Days of 400 years.
const DAYS_OF_ERA: i64 = 146_097;

/// Days from 0000-03-01 to 1970-01-01.
const MARCH_OF_YEAR_ZERO: i64 = 719_468;

#[cfg(test)]
mod tests {
    use jiff::civil::{self, Weekday};

    use super::*;

    #[test]
    fn agrees_with_jiff() {
        let epoch = civil::date(1970, 1, 1);
        // Every day of two centuries, of which one ends with a leap day and one does not, and some
        // of each year that jiff has.
        let centuries = civil::date(1900, 1, 1).series(jiff::Span::new().days(1)).take(73_500);
        let all = civil::Date::MIN.series(jiff::Span::new().days(97));
        for date in centuries.chain(all) {
            let number = date.duration_since(epoch).as_hours() / 24;
            let last_second = number * DAY + DAY - 1;
            let ours = Date::of(last_second);
            let expected = Date {
                year: date.year().into(),
                month: date.month().into(),
                day: date.day().into(),
                number,
            };
            assert_eq!(ours, expected);
            assert_eq!(ours.weekday(), i64::from(date.weekday().since(Weekday::Sunday)));
            assert_eq!(first_of_month(ours.year, ours.month) + ours.day - 1, number);
            assert_eq!((hour(last_second), minute(last_second)), (23, 59));
        }
    }

    #[test]
    fn a_day_that_the_next_month_lacks_runs_on() {
        let at = |month, day| Date { year: 2023, month, day, number: 0 };
        let local = |date: Date| (first_of_month(date.year, date.month) + date.day - 1) * DAY + 7;
        assert_eq!(one_month_on(local(at(3, 31))), local(at(5, 1)));
        assert_eq!(one_month_on(local(at(1, 29))), local(at(3, 1)));
        assert_eq!(one_month_on(local(at(12, 5))), local(at(12, 5)) + 31 * DAY);
    }
}
