//! How far apart the starts of a schedule are.
//!
//! [`typical_interval`] is the entry point. It answers for the calendar and not for the day it is
//! asked on, so that advice built on it does not come and go with the clock.

use jiff::{SignedDuration, Timestamp};

use super::calendar::{DAY, HOUR, MINUTE};
use super::plan::{Fields, Plan, Set};
use super::{Schedule, next, whole_seconds};
use crate::batch::zone::{Offsets, Zone};

/// The longest interval between two starts in a row, among the starts of the next 32 days that have
/// one; `None` if there are not two.
///
/// Of 32 days with a start, a daily schedule shows each weekday and an end of the month, one that
/// runs on weekdays its week-ends, a monthly one all its months; and days are what is counted, not
/// starts, because of a schedule like `*/5 8-18 * * *` any number of starts below a day's would
/// give five minutes or the night, depending on `from`. A pause that is longer than 32 of its days
/// is left out (a schedule for June to August is a daily one). Days count 24 hours: a change of the
/// clocks would make every daily schedule one of 25 hours for a month.
pub fn typical_interval(
    schedule: &Schedule,
    zone: &Zone,
    from: Timestamp,
) -> Option<SignedDuration> {
    let seconds = match &schedule.plan {
        Plan::Every(seconds) => Some(*seconds),
        Plan::Fields(fields) => {
            let local = Offsets::new(schedule.zone(zone)).local(whole_seconds(from));
            longest(fields, local)
        }
    };
    seconds.map(SignedDuration::from_secs)
}

/// The longest interval in seconds, if clocks never changed and now showed `local`.
fn longest(fields: &Fields, local: i64) -> Option<i64> {
    let (first_minute, last_minute) = (fields.minutes.first()?, fields.minutes.last()?);
    let (first_hour, last_hour) = (fields.hours.first()?, fields.hours.last()?);
    let hour = (last_minute - first_minute) * MINUTE;
    let day = (last_hour - first_hour) * HOUR + hour;

    let first_of_day =
        Fields { minutes: Set::of(first_minute), hours: Set::of(first_hour), ..*fields };
    // The whole of the day that `local` lies in counts: the pattern does not depend on the hour.
    let mut previous = next::next(&first_of_day, local - local.rem_euclid(DAY) - 1, &Zone::UTC)?;
    let within_hour = widest(fields.minutes).map(|minutes| minutes * MINUTE);
    let within_day = widest(fields.hours).map(|hours| hours * HOUR - hour);
    let mut longest = within_hour.max(within_day);
    for _ in 1..DAYS {
        let Some(start) = next::next(&first_of_day, previous, &Zone::UTC) else { break };
        longest = longest.max(Some(start - previous - day));
        previous = start;
    }
    longest
}

/// The widest distance between two neighbours in the set.
fn widest(set: Set) -> Option<i64> {
    set.numbers().zip(set.numbers().skip(1)).map(|(number, next)| next - number).max()
}

/// How many days with a start are looked at; see [`typical_interval`].
const DAYS: usize = 32;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::every_minute("* * * * *", "1m")]
    #[case::uneven_minutes("0,10 * * * *", "50m")]
    #[case::hourly("@hourly", "1h")]
    #[case::every_other_hour("30 */2 * * *", "2h")]
    #[case::twice_a_day("0 6,18 * * *", "12h")]
    #[case::busy_in_the_day("*/5 8-18 * * *", "13h 5m")]
    #[case::daily("30 2 * * *", "24h")]
    #[case::working_days("0 9 * * 1-5", "72h")]
    #[case::working_hours("*/15 9-16 * * 1-5", "64h 15m")]
    #[case::weekly("@weekly", "168h")]
    #[case::monthly("@monthly", "744h")]
    #[case::yearly("@yearly", "8784h")]
    #[case::leap_days("0 0 29 2 *", "35064h")]
    #[case::a_season("0 0 * 6-8 *", "24h")]
    #[case::own_zone("TZ=Asia/Tokyo 0 9 * * 1-5", "72h")]
    #[case::fixed("@every 90m", "90m")]
    fn is_the_longest_of_the_pattern(
        #[case] text: &str,
        #[case] expected: SignedDuration,
        #[values("2025-06-01T12:00Z", "2025-06-04T22:59:59.9Z", "2025-06-07T00:00Z")]
        from: Timestamp,
    ) {
        let zone = crate::batch::zone::check("Europe/Berlin").unwrap();
        let schedule = Schedule::parse(text).unwrap();
        assert_eq!(typical_interval(&schedule, &zone, from), Some(expected));
    }

    #[rstest]
    #[case("0 2 * * *")]
    #[case("0 0 * * *")]
    fn a_change_of_the_clocks_is_no_pause(#[case] text: &str) {
        let zone = crate::batch::zone::check("Europe/Berlin").unwrap();
        let schedule = Schedule::parse(text).unwrap();
        for from in ["2025-03-20T12:00Z", "2025-10-20T12:00Z"] {
            let interval = typical_interval(&schedule, &zone, from.parse().unwrap());
            assert_eq!(interval, Some(SignedDuration::from_hours(24)));
        }
    }

    #[rstest]
    #[case::never("0 0 31 2 *")]
    #[case::never_within_an_hour("* * 30 2 *")]
    #[case::nothing_matches(", * * * *")]
    fn nothing_to_measure(#[case] text: &str) {
        let schedule = Schedule::parse(text).unwrap();
        assert_eq!(typical_interval(&schedule, &Zone::UTC, Timestamp::UNIX_EPOCH), None);
    }
}
