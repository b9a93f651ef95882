use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::Coming;
use crate::batch::schedule::Schedule;
use crate::batch::zone::Zone;
use crate::cli::commands::next::subject::Subject;
use crate::cli::commands::next::tables;
use crate::cli::shared::{Clocks, ZoneFrom, schedules};

fn coming(subject: &Subject, zone: &str, now: &str, count: usize) -> Coming {
    let zone = schedules::zone(zone).unwrap();
    Coming::of(subject, &Clocks { zone, from: ZoneFrom::Flag }, now.parse().unwrap(), count)
}

/// The rows of the table without what every row has.
fn rows(schedule: &str, zone: &str, now: &str, count: usize) -> String {
    let subject = Subject::typed(schedule).unwrap();
    let text = tables::render(&coming(&subject, zone, now, count));
    let rows = text.lines().skip(3).take_while(|line| !line.is_empty());
    rows.fold(String::new(), |mut all, row| {
        let _ = writeln!(all, "{row}");
        all
    })
}

/// A stored `CronJob` with these members besides its schedule.
fn stored(schedule: &str, spec: &Json, status: Json) -> Subject {
    let mut json = json!({
        "metadata": {"name": "a", "creationTimestamp": "2026-11-01T00:00:00Z"},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {}}},
    });
    json_patch::merge(&mut json["spec"], spec);
    json["status"] = status;
    Subject::stored("cronjob/a/a", json).unwrap()
}

#[test]
fn a_slot_that_the_clocks_skip() {
    insta::assert_snapshot!(rows("30 2 * * *", "Europe/Berlin", "2027-03-26T12:00:00Z", 3), @r"
    Sat 2027-03-27 02:30:00+01:00   2027-03-27T01:30:00Z   -       -
    Sun 2027-03-28 02:30:00         -                      -       skipped: the clocks go from 02:00 to 03:00
    Mon 2027-03-29 02:30:00+02:00   2027-03-29T00:30:00Z   1d23h   shifted: the clocks went from +01:00 to +02:00
    Tue 2027-03-30 02:30:00+02:00   2027-03-30T00:30:00Z   1d      -
    ");
}

#[test]
fn a_slot_that_the_clocks_show_twice() {
    insta::assert_snapshot!(rows("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 3), @r"
    Sun 2026-10-25 02:30:00+02:00   2026-10-25T00:30:00Z   -     twice, 1 of 2: the clocks go from 03:00 to 02:00
    Sun 2026-10-25 02:30:00+01:00   2026-10-25T01:30:00Z   1h    twice, 2 of 2: the clocks go from 03:00 to 02:00
    Mon 2026-10-26 02:30:00+01:00   2026-10-26T01:30:00Z   1d    -
    ");
}

#[test]
fn from_within_the_repeated_hour() {
    insta::assert_snapshot!(rows("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", 1), @r"
    Sun 2026-10-25 02:30:00+01:00   2026-10-25T01:30:00Z   -     twice, 2 of 2: the clocks go from 03:00 to 02:00
    ");
}

#[test]
fn an_hourly_schedule_goes_on() {
    insta::assert_snapshot!(rows("0 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", 2), @r"
    Sun 2026-10-25 02:00:00+01:00   2026-10-25T01:00:00Z   -     shifted: the clocks went from +02:00 to +01:00
    Sun 2026-10-25 03:00:00+01:00   2026-10-25T02:00:00Z   1h    -
    ");
    insta::assert_snapshot!(rows("0 * * * *", "Europe/Berlin", "2027-03-28T00:30:00Z", 2), @r"
    Sun 2027-03-28 03:00:00+02:00   2027-03-28T01:00:00Z   -     shifted: the clocks went from +01:00 to +02:00
    Sun 2027-03-28 04:00:00+02:00   2027-03-28T02:00:00Z   1h    -
    ");
}

#[test]
fn a_day_lost_in_the_east() {
    insta::assert_snapshot!(rows("0 */6 * * 5", "Africa/Cairo", "2027-04-24T12:00:00Z", 5), @r"
    Fri 2027-04-30 00:00:00         -                      -      skipped: the clocks go from 00:00 to 01:00
    Fri 2027-04-30 06:00:00         -                      -      skipped: the controller passes over it, as the clocks go from 00:00 to 01:00 (3 starts, until 18:00)
    Fri 2027-05-07 00:00:00+03:00   2027-05-06T21:00:00Z   -      shifted: the clocks went from +02:00 to +03:00
    Fri 2027-05-07 06:00:00+03:00   2027-05-07T03:00:00Z   6h     -
    Fri 2027-05-07 12:00:00+03:00   2027-05-07T09:00:00Z   6h     -
    Fri 2027-05-07 18:00:00+03:00   2027-05-07T15:00:00Z   6h     -
    Fri 2027-05-14 00:00:00+03:00   2027-05-13T21:00:00Z   6d6h   -
    ");
}

#[test]
fn a_start_on_the_day_behind() {
    insta::assert_snapshot!(rows("30 1 * * 6", "America/Santiago", "2025-09-06T12:00:00Z", 2), @r"
    Sun 2025-09-07 01:30:00-03:00   2025-09-07T04:30:00Z   -     extra, no time of the schedule: the controller comes upon it, as the clocks go from 00:00 to 01:00
    Sat 2025-09-13 01:30:00-03:00   2025-09-13T04:30:00Z   6d    -
    ");
}

#[test]
fn a_change_at_midnight_names_the_days() {
    insta::assert_snapshot!(rows("30 23 * * *", "America/Havana", "2025-10-31T12:00:00Z", 1), @r"
    Fri 2025-10-31 23:30:00-04:00   2025-11-01T03:30:00Z   -     -
    ");
    insta::assert_snapshot!(rows("30 0 * * *", "America/Havana", "2025-11-01T12:00:00Z", 3), @r"
    Sun 2025-11-02 00:30:00-04:00   2025-11-02T04:30:00Z   -     twice, 1 of 2: the clocks go from 01:00 to 00:00
    Sun 2025-11-02 00:30:00-05:00   2025-11-02T05:30:00Z   1h    twice, 2 of 2: the clocks go from 01:00 to 00:00
    Mon 2025-11-03 00:30:00-05:00   2025-11-03T05:30:00Z   1d    -
    ");
}

/// A yearly schedule meets changes of the clocks that lie years ahead.
#[test]
fn a_slot_that_is_skipped_years_ahead() {
    insta::assert_snapshot!(rows("30 2 28 3 *", "Europe/Berlin", "2030-06-01T00:00:00Z", 4), @r"
    Fri 2031-03-28 02:30:00+01:00   2031-03-28T01:30:00Z   -         shifted: the clocks went from +02:00 to +01:00
    Sun 2032-03-28 02:30:00         -                      -         skipped: the clocks go from 02:00 to 03:00
    Mon 2033-03-28 02:30:00+02:00   2033-03-28T00:30:00Z   730d23h   shifted: the clocks went from +01:00 to +02:00
    Tue 2034-03-28 02:30:00+02:00   2034-03-28T00:30:00Z   365d      -
    Wed 2035-03-28 02:30:00+02:00   2035-03-28T00:30:00Z   365d      -
    ");
}

/// What the clocks do behind the starts that are shown is told below them.
#[rstest]
#[case::skipped(
    "30 2 * * *",
    "2027-03-01T00:00:00Z",
    Some(
        "2027-03-28 02:30 is skipped, next 2027-03-29T00:30:00Z: the clocks go from 02:00 to 03:00"
    )
)]
#[case::twice(
    "30 2 * * *",
    "2027-08-01T00:00:00Z",
    Some(
        "2027-10-31 02:30 comes twice, 2027-10-31T00:30:00Z and 2027-10-31T01:30:00Z: the clocks go from 03:00 to 02:00"
    )
)]
#[case::nothing("30 4 * * *", "2027-08-01T00:00:00Z", None)]
fn what_lies_ahead(#[case] schedule: &str, #[case] now: &str, #[case] expected: Option<&str>) {
    let subject = Subject::typed(schedule).unwrap();
    let coming = coming(&subject, "Europe/Berlin", now, 2);
    let told = coming.notes.iter().find(|note| note.code == "daylight");
    assert_eq!(told.map(|note| note.message.as_str()), expected);
}

#[rstest]
#[case::from_the_creation(json!({}), "2026-11-21T12:10:00Z", "2026-11-21T13:30:00Z")]
#[case::from_the_last_start(
    json!({"lastScheduleTime": "2026-11-21T12:05:00Z"}), "2026-11-21T12:10:00Z", "2026-11-21T13:35:00Z"
)]
#[case::after_a_long_pause(
    json!({"lastScheduleTime": "2026-11-20T00:01:00Z"}), "2026-11-21T12:01:00Z", "2026-11-21T13:31:00Z"
)]
#[case::last_start_ahead(
    json!({"lastScheduleTime": "2026-11-21T13:00:00Z"}), "2026-11-21T12:10:00Z", "2026-11-21T14:30:00Z"
)]
fn every_counts_from_the_last_start(#[case] status: Json, #[case] now: &str, #[case] first: &str) {
    let subject = stored("@every 90m", &json!({}), status);
    let coming = coming(&subject, "UTC", now, 2);
    assert_eq!(coming.starts[0].utc.to_string(), first);
    assert_eq!(coming.starts[1].gap, Some(SignedDuration::from_mins(90)));
    assert!(!coming.notes.iter().any(|note| note.code == "every"), "{:?}", coming.notes);
}

#[test]
fn a_creation_ahead_counts() {
    let subject = stored("0 * * * *", &json!({}), json!({}));
    let coming = coming(&subject, "UTC", "2026-10-01T00:00:00Z", 1);
    assert_eq!(coming.starts[0].utc.to_string(), "2026-11-01T01:00:00Z");
    assert_eq!(coming.notes[0].code, "future");
}

#[rstest]
#[case::fine("0 2 * * *", json!({"timeZone": "UTC"}), &[], false)]
#[case::suspended("0 2 * * *", json!({"suspend": true}), &["suspended"], false)]
#[case::no_such_day("0 0 31 2 *", json!({}), &["never"], true)]
#[case::only_commas(", * * * *", json!({}), &["never"], true)]
#[case::deadline_of_nothing("0 2 * * *", json!({"startingDeadlineSeconds": 0}), &["never"], true)]
#[case::short_deadline("0 2 * * *", json!({"startingDeadlineSeconds": 9}), &["W111"], false)]
#[case::deadline_below_a_minute("0 2 * * *", json!({"startingDeadlineSeconds": 10}), &["short-deadline"], false)]
#[case::long_enough("0 2 * * *", json!({"startingDeadlineSeconds": 60}), &[], false)]
#[case::misread("*/90 0 13 * 5", json!({}), &["step", "either-day"], false)]
#[case::every_with_a_shorter_deadline("@every 1h", json!({"startingDeadlineSeconds": 3599}), &["never"], true)]
#[case::every_with_its_deadline("@every 1h", json!({"startingDeadlineSeconds": 3600}), &[], false)]
#[case::every_in_a_minute("@every 30s", json!({}), &["every"], false)]
#[case::prefix("TZ=Asia/Tokyo 0 2 * * *", json!({"timeZone": "UTC"}), &["time-zone-prefix"], false)]
#[case::blanks(" 0 2 * * * ", json!({"timeZone": "UTC"}), &[], false)]
#[case::blanks_before_a_macro(" @daily", json!({"timeZone": "UTC"}), &["refused"], false)]
#[case::the_last_leap_day("0 0 29 2 *", json!({}), &[], false)]
#[case::short_ttl(
    "0 2 * * *", json!({"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 5}}}), &["W110"], false
)]
#[case::defaults_of_history_mean_nothing(
    "0 2 * * *",
    json!({"successfulJobsHistoryLimit": 3, "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 60}}}),
    &[], false
)]
#[case::history_beyond_the_ttl(
    "0 2 * * *",
    json!({"successfulJobsHistoryLimit": 5, "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 60}}}),
    &["W109"], false
)]
fn notes(
    #[case] schedule: &str,
    #[case] spec: Json,
    #[case] expected: &[&str],
    #[case] never: bool,
) {
    let coming = coming(&stored(schedule, &spec, json!({})), "UTC", "2026-11-21T12:00:00Z", 3);
    let codes: Vec<_> = coming.notes.iter().map(|note| note.code).collect();
    assert_eq!((&codes[..], coming.never_starts()), (expected, never));
    assert_eq!(coming.starts.is_empty(), never);
}

#[test]
fn the_last_leap_day_before_a_gap_of_eight_years() {
    let subject = Subject::typed("0 0 29 2 *").unwrap();
    let coming = coming(&subject, "UTC", "2091-01-01T00:00:00Z", 5);
    assert_eq!(coming.starts.len(), 2);
    assert_eq!(coming.notes[0].code, "last");
}

proptest! {
    /// Where it begins to search makes no difference while the clocks stand.
    #[test]
    fn the_starts_are_those_of_the_schedule(
        text in select(&["* * * * *", "*/7 3-5 * * *", "30 2 * * 1-5", "0 0 1 * *", "0 0 29 2 *"][..]),
        zone in select(&["UTC", "Asia/Kolkata", "Asia/Tokyo"][..]),
        seconds in 1_700_000_000_i64..2_000_000_000,
        age in 0_i64..400_000,
    ) {
        let zone: Zone = schedules::zone(zone).unwrap();
        let now = Timestamp::from_second(seconds).unwrap();
        let schedule = Schedule::parse(text).unwrap();
        let expected: Vec<Timestamp> =
            std::iter::successors(schedule.next(now, &zone), |at| schedule.next(*at, &zone))
                .take(4)
                .collect();
        let mut subject = Subject::typed(text).unwrap();
        for base in [None, Some(now - SignedDuration::from_secs(age))] {
            subject.base = base;
            let coming = Coming::new(&subject, &zone, ZoneFrom::Flag, now, 4);
            let found: Vec<Timestamp> = coming.starts.iter().map(|start| start.utc).collect();
            prop_assert_eq!(&found, &expected);
            prop_assert!(coming.skipped.is_empty());
            prop_assert!(coming.starts.iter().all(|start| start.mark.is_none()));
        }
    }
}
