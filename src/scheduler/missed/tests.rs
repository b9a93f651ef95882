use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::{Missed, Since, most_recent, next_look, next_start};
use crate::batch::zone::Zone;
use crate::scheduler::timetable::Timetable;

/// Creation, and `lastScheduleTime` unless there is none.
type Times = (&'static str, &'static str);

/// What is due, and when to look again: a start and what was missed, `none` and what was missed,
/// or `error`; then the time of the look.
fn judge(schedule: &Timetable, (created, last): Times, deadline: Option<i64>, now: &str) -> String {
    let since = Since { created: created.parse().unwrap(), last: last.parse().ok(), deadline };
    let now: Timestamp = now.parse().unwrap();
    let due = match next_start(schedule, since, now) {
        Ok(recent) => {
            let slot = recent.slot.map_or_else(|| "none".to_owned(), |slot| slot.to_string());
            format!("{slot} {}", word(recent.missed))
        }
        Err(error) => {
            let text = "time difference between two schedules is less than 1 second";
            assert_eq!(error.to_string(), text);
            "error".to_owned()
        }
    };
    match next_look(schedule, since, now) {
        Some(look) => format!("{due}, {look}"),
        None => format!("{due}, never"),
    }
}

const fn word(missed: Missed) -> &'static str {
    match missed {
        Missed::None => "on time",
        Missed::Few => "few",
        Missed::Many => "many",
    }
}

fn in_zone(text: &str, zone: &str) -> Timetable {
    let zone = (!zone.is_empty()).then_some(zone);
    Timetable::read(text, zone, &Zone::UTC).unwrap()
}

/// The rows of `TestMostRecentScheduleTime` and `TestNextScheduleTimeDuration` in
/// `pkg/controller/cronjob/utils_test.go` of Kubernetes v1.36.3, with their times written out.
#[rstest]
#[case::before_the_next(
    "0 * * * *", ("2016-05-19T10:00:00Z", ""), "2016-05-19T10:30:00Z",
    "none on time, 2016-05-19T11:00:00.1Z"
)]
#[case::just_after_the_next(
    "0 * * * *", ("2016-05-19T10:00:00Z", ""), "2016-05-19T11:01:00Z",
    "2016-05-19T11:00:00Z on time, 2016-05-19T12:00:00.1Z"
)]
#[case::five_missed(
    "0 * * * *", ("2016-05-19T10:00:10Z", ""), "2016-05-19T15:01:00Z",
    "2016-05-19T15:00:00Z few, 2016-05-19T16:00:00.1Z"
)]
#[case::complex(
    "30 6-16/4 * * 1-5", ("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), "2016-05-20T10:31:00Z",
    "2016-05-20T10:30:00Z few, 2016-05-20T14:30:00.1Z"
)]
#[case::another_complex_where_the_estimate_overshoots(
    "30 10,11,12 * * 1-5", ("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), "2016-05-20T16:30:00Z",
    "none few, 2016-05-23T10:30:00.1Z"
)]
#[case::complex_over_the_weekend(
    "30 6-16/4 * * 1-5", ("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), "2016-05-23T10:31:00Z",
    "2016-05-23T10:30:00Z few, 2016-05-23T14:30:00.1Z"
)]
#[case::complex_and_never_started(
    "30 6-16/4 * * 1-5", ("2016-05-19T10:00:00Z", ""), "2016-05-20T10:31:00Z",
    "2016-05-20T10:30:00Z few, 2016-05-20T14:30:00.1Z"
)]
#[case::every(
    "@every 1h", ("2016-05-19T10:00:00Z", "2016-05-19T10:01:00Z"), "2016-05-26T10:00:00Z",
    "2016-05-26T09:01:00Z many, 2016-05-26T10:01:00.1Z"
)]
#[case::rogue(
    "59 23 31 2 *", ("2016-05-19T10:00:00Z", ""), "2016-05-19T11:00:00Z", "error, never"
)]
#[case::last_start_and_not_creation(
    "0 * * * *", ("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), "2016-05-19T10:31:00Z",
    "none on time, 2016-05-19T11:00:00.1Z"
)]
#[case::weekly_twice(
    "0 12 * * 4", ("2016-05-19T10:00:00Z", "2016-05-19T12:00:00Z"), "2016-06-07T11:30:00Z",
    "2016-06-02T12:00:00Z few, 2016-06-09T12:00:00.1Z"
)]
#[case::never_started(
    "0 12 * * 5", ("2016-05-19T10:00:00Z", ""), "2016-05-19T16:00:00Z",
    "none on time, 2016-05-20T12:00:00.1Z"
)]
fn as_upstream_tests_it(
    #[case] schedule: &str,
    #[case] times: Times,
    #[case] now: &str,
    #[case] expected: &str,
) {
    assert_eq!(judge(&in_zone(schedule, ""), times, None, now), expected);
}

/// upstream-semantics.md, 2.6 and 2.9, step by step.
#[rstest]
#[case::creation_where_nothing_was_started(
    "0 * * * *", ("2016-05-19T10:30:00Z", ""), None, "2016-05-19T10:59:59.999Z",
    "none on time, 2016-05-19T11:00:00.1Z"
)]
#[case::at_the_slot_it_is_due(
    "0 * * * *", ("2016-05-19T10:30:00Z", ""), None, "2016-05-19T11:00:00Z",
    "2016-05-19T11:00:00Z on time, 2016-05-19T12:00:00.1Z"
)]
#[case::creation_at_a_slot_does_not_count_it(
    "0 * * * *", ("2016-05-19T10:00:00Z", ""), None, "2016-05-19T10:00:00Z",
    "none on time, 2016-05-19T11:00:00.1Z"
)]
#[case::creation_in_the_future(
    "0 * * * *", ("2016-05-20T10:30:00Z", ""), None, "2016-05-19T10:00:00Z",
    "none on time, 2016-05-20T11:00:00.1Z"
)]
#[case::the_last_start_counts_though_creation_is_later(
    "0 * * * *", ("2016-05-20T10:30:00Z", "2016-05-19T09:00:00Z"), None, "2016-05-19T10:00:00Z",
    "2016-05-19T10:00:00Z on time, 2016-05-19T11:00:00.1Z"
)]
#[case::the_last_start_in_the_future(
    "0 * * * *", ("2016-05-19T08:00:00Z", "2016-05-20T09:00:00Z"), None, "2016-05-19T10:00:00Z",
    "none on time, 2016-05-20T10:00:00.1Z"
)]
#[case::just_before_the_second(
    "0 * * * *", ("2016-05-19T09:00:00Z", ""), None, "2016-05-19T10:59:59.999999999Z",
    "2016-05-19T10:00:00Z on time, 2016-05-19T11:00:00.1Z"
)]
#[case::at_the_second(
    "0 * * * *", ("2016-05-19T09:00:00Z", ""), None, "2016-05-19T11:00:00Z",
    "2016-05-19T11:00:00Z few, 2016-05-19T12:00:00.1Z"
)]
#[case::a_hundred_are_few(
    "* * * * *", ("2016-05-19T10:00:30Z", ""), None, "2016-05-19T11:40:00Z",
    "2016-05-19T11:40:00Z few, 2016-05-19T11:41:00.1Z"
)]
#[case::a_hundred_are_few_up_to_the_last_moment(
    "* * * * *", ("2016-05-19T10:00:30Z", ""), None, "2016-05-19T11:40:59.999Z",
    "2016-05-19T11:40:00Z few, 2016-05-19T11:41:00.1Z"
)]
#[case::a_hundred_and_one_are_many(
    "* * * * *", ("2016-05-19T10:00:30Z", ""), None, "2016-05-19T11:41:00Z",
    "2016-05-19T11:41:00Z many, 2016-05-19T11:42:00.1Z"
)]
#[case::many_overshoot(
    // 121 slots of Thursday morning's distance; the last real one is of noon, hours before.
    "30 10,11,12 * * 1-5", ("2016-05-19T10:00:00Z", ""), None, "2016-05-24T10:29:00Z",
    "none many, 2016-05-24T10:30:00.1Z"
)]
#[case::ten_years_of_minutes(
    "* * * * *", ("2006-05-19T10:00:30Z", ""), None, "2016-05-19T10:00:59Z",
    "2016-05-19T10:00:00Z many, 2016-05-19T10:01:00.1Z"
)]
#[case::centuries(
    "* * * * *", ("-009999-01-02T10:00:30Z", ""), None, "2016-05-19T10:00:59Z",
    "2016-05-19T10:00:00Z many, 2016-05-19T10:01:00.1Z"
)]
#[case::no_deadline_starts_the_latest_with_a_warning(
    // The outage of the official page, "CronJob", "Job creation".
    "*/1 * * * *", ("2016-05-18T00:00:00Z", "2016-05-19T08:29:00Z"), None, "2016-05-19T10:21:00Z",
    "2016-05-19T10:21:00Z many, 2016-05-19T10:22:00.1Z"
)]
#[case::a_deadline_of_200_s_starts_the_latest_without_one(
    "*/1 * * * *", ("2016-05-18T00:00:00Z", "2016-05-19T08:29:00Z"), Some(200), "2016-05-19T10:21:00Z",
    "2016-05-19T10:21:00Z few, 2016-05-19T10:22:00.1Z"
)]
#[case::no_deadline_after_a_night(
    "0 * * * *", ("2016-05-18T00:00:00Z", "2016-05-18T20:00:00Z"), None, "2016-05-19T08:12:00Z",
    "2016-05-19T08:00:00Z few, 2016-05-19T09:00:00.1Z"
)]
#[case::a_deadline_of_0_starts_nothing(
    "* * * * *", ("2016-05-18T00:00:00Z", ""), Some(0), "2016-05-19T10:00:00Z",
    "none on time, 2016-05-19T10:01:00.1Z"
)]
#[case::a_deadline_of_0_starts_nothing_just_after_either(
    "* * * * *", ("2016-05-18T00:00:00Z", ""), Some(0), "2016-05-19T10:00:00.1Z",
    "none on time, 2016-05-19T10:01:00.1Z"
)]
#[case::a_deadline_of_5_s_within(
    "0 * * * *", ("2016-05-18T00:00:00Z", ""), Some(5), "2016-05-19T10:00:04.999Z",
    "2016-05-19T10:00:00Z on time, 2016-05-19T11:00:00.1Z"
)]
#[case::a_deadline_of_5_s_reached(
    // Strictly inside: what lies at the deadline is over.
    "0 * * * *", ("2016-05-18T00:00:00Z", ""), Some(5), "2016-05-19T10:00:05Z",
    "none on time, 2016-05-19T11:00:00.1Z"
)]
#[case::a_deadline_does_not_reach_behind_the_last_start(
    "0 * * * *", ("2016-05-18T00:00:00Z", "2016-05-19T10:00:00Z"), Some(86_400), "2016-05-19T10:30:00Z",
    "none on time, 2016-05-19T11:00:00.1Z"
)]
#[case::a_deadline_does_not_reach_behind_the_creation(
    "0 * * * *", ("2016-05-19T09:30:00Z", ""), Some(86_400), "2016-05-19T10:30:00Z",
    "2016-05-19T10:00:00Z on time, 2016-05-19T11:00:00.1Z"
)]
#[case::a_deadline_beyond_all_times_is_none(
    "0 * * * *", ("2016-05-19T07:30:00Z", ""), Some(i64::MAX), "2016-05-19T10:30:00Z",
    "2016-05-19T10:00:00Z few, 2016-05-19T11:00:00.1Z"
)]
#[case::every_counts_from_the_creation(
    "@every 90m", ("2016-05-19T08:20:00Z", ""), None, "2016-05-19T10:00:00Z",
    "2016-05-19T09:50:00Z on time, 2016-05-19T11:20:00.1Z"
)]
#[case::every_with_a_deadline_below_its_period_is_never_due(
    // The grid moves with the deadline.
    "@every 1h", ("2016-05-19T05:00:00Z", ""), Some(600), "2016-05-19T10:00:00Z",
    "none on time, 2016-05-19T11:00:00.1Z"
)]
#[case::every_with_a_deadline_and_a_last_start_that_is_near(
    "@every 1h", ("2016-05-19T05:00:00Z", "2016-05-19T09:00:00Z"), Some(3_600), "2016-05-19T10:00:00Z",
    "2016-05-19T10:00:00Z on time, 2016-05-19T11:00:00.1Z"
)]
#[case::every_with_a_deadline_above_its_period_drifts(
    "@every 1h", ("2016-05-19T05:00:00Z", ""), Some(9_000), "2016-05-19T10:10:00Z",
    "2016-05-19T09:40:00Z few, 2016-05-19T11:00:00.1Z"
)]
#[case::every_counts_whole_seconds(
    "@every 1s", ("2016-05-19T09:59:58Z", ""), Some(3), "2016-05-19T10:00:00.75Z",
    "2016-05-19T10:00:00Z few, 2016-05-19T10:00:01.1Z"
)]
#[case::one_more_start_and_then_none(
    // The leap day of 2096 is the last in reach: 2100 is none, 2104 more than five years away.
    "0 0 29 2 *", ("2095-01-01T00:00:00Z", ""), None, "2096-01-01T00:00:00Z",
    "none on time, 2096-02-29T00:00:00.1Z"
)]
#[case::that_start_has_no_second_to_measure_by(
    "0 0 29 2 *", ("2095-01-01T00:00:00Z", ""), None, "2096-03-01T00:00:00Z", "error, never"
)]
#[case::none_is_in_reach_any_more(
    "0 0 29 2 *", ("2096-03-01T00:00:00Z", ""), None, "2096-03-02T00:00:00Z", "error, never"
)]
#[case::an_error_looks_again_from_now_on(
    "0 0 29 2 *", ("2096-03-01T00:00:00Z", ""), None, "2100-01-01T00:00:00Z",
    "error, 2104-02-29T00:00:00.1Z"
)]
#[case::a_field_of_commas_never_matches(
    ", * * * *", ("2016-05-19T10:00:00Z", ""), None, "2016-05-19T11:00:00Z", "error, never"
)]
fn step_by_step(
    #[case] schedule: &str,
    #[case] times: Times,
    #[case] deadline: Option<i64>,
    #[case] now: &str,
    #[case] expected: &str,
) {
    assert_eq!(judge(&in_zone(schedule, ""), times, deadline, now), expected);
}

/// Slots in zones whose clocks change (upstream-semantics.md, 3.5).
#[rstest]
#[case::skipped_in_berlin(
    "30 2 * * *", "Europe/Berlin", ("2025-03-01T00:00:00Z", "2025-03-29T01:30:00Z"),
    "2025-03-30T12:00:00Z", "none on time, 2025-03-31T00:30:00.1Z"
)]
#[case::twice_in_berlin(
    "30 2 * * *", "Europe/Berlin", ("2025-10-01T00:00:00Z", "2025-10-26T00:30:00Z"),
    "2025-10-26T01:30:00Z", "2025-10-26T01:30:00Z on time, 2025-10-27T01:30:00.1Z"
)]
#[case::the_estimate_of_a_short_day_in_berlin(
    // The first two are an hour apart, all others a day: 49 are counted, and the walk begins
    // behind the last.
    "30 2 * * *", "Europe/Berlin", ("2025-10-01T00:00:00Z", "2025-10-25T12:00:00Z"),
    "2025-10-28T00:30:00Z", "none few, 2025-10-28T01:30:00.1Z"
)]
#[case::hourly_through_the_gap_of_new_york(
    "0 * * * *", "America/New_York", ("2025-03-01T00:00:00Z", "2025-03-09T06:00:00Z"),
    "2025-03-09T09:10:00Z", "2025-03-09T09:00:00Z few, 2025-03-09T10:00:00.1Z"
)]
#[case::skipped_in_new_york(
    "30 2 * * *", "America/New_York", ("2025-03-01T00:00:00Z", "2025-03-08T07:30:00Z"),
    "2025-03-09T07:31:00Z", "none on time, 2025-03-10T06:30:00.1Z"
)]
#[case::twice_in_new_york(
    "30 1 * * *", "America/New_York", ("2025-11-01T00:00:00Z", "2025-11-01T12:00:00Z"),
    "2025-11-02T06:30:30Z", "2025-11-02T06:30:00Z few, 2025-11-03T06:30:00.1Z"
)]
#[case::half_an_hour_forward_in_lord_howe(
    "0 2 * * *", "Australia/Lord_Howe", ("2025-10-01T00:00:00Z", "2025-10-03T15:30:00Z"),
    "2025-10-05T00:00:00Z", "none on time, 2025-10-05T15:00:00.1Z"
)]
#[case::half_an_hour_back_in_lord_howe(
    "45 1 * * *", "Australia/Lord_Howe", ("2025-04-01T00:00:00Z", "2025-04-04T14:45:00Z"),
    "2025-04-05T15:15:00Z", "2025-04-05T15:15:00Z few, 2025-04-06T15:15:00.1Z"
)]
#[case::own_zone("TZ=Asia/Tokyo 0 9 * * *", "", ("2025-04-01T00:00:00Z", ""),
    "2025-04-02T00:00:00Z", "2025-04-02T00:00:00Z on time, 2025-04-03T00:00:00.1Z"
)]
fn where_clocks_change(
    #[case] schedule: &str,
    #[case] zone: &str,
    #[case] times: Times,
    #[case] now: &str,
    #[case] expected: &str,
) {
    assert_eq!(judge(&in_zone(schedule, zone), times, None, now), expected);
}

/// What `earliest` is told as: the rows about it in `TestMostRecentScheduleTime`.
#[rstest]
#[case::creation(("2016-05-19T10:00:00Z", ""), None, "2016-05-19T10:00:00Z")]
#[case::last_start(("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), None, "2016-05-19T10:30:00Z")]
#[case::last_start_within_the_deadline(
    ("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), Some(60), "2016-05-19T10:30:00Z"
)]
#[case::last_start_beyond_the_deadline(
    ("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), Some(0), "2016-05-19T10:31:00Z"
)]
#[case::the_deadline_saturates(("2016-05-19T10:00:00Z", ""), Some(i64::MAX), "2016-05-19T10:00:00Z")]
fn earliest(
    #[case] (created, last): Times,
    #[case] deadline: Option<i64>,
    #[case] expected: Timestamp,
) {
    let since = Since { created: created.parse().unwrap(), last: last.parse().ok(), deadline };
    let now = "2016-05-19T10:31:00Z".parse().unwrap();
    let hourly = in_zone("0 * * * *", "");
    assert_eq!(most_recent(&hourly, since, now, true).unwrap().earliest, expected);
    let without = most_recent(&hourly, since, now, false).unwrap();
    assert_eq!(without.earliest, since.last.unwrap_or(since.created));
}

#[test]
fn the_ends_of_the_calendar_are_no_trouble() {
    let hourly = in_zone("0 * * * *", "");
    for created in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            for deadline in [None, Some(0), Some(5), Some(i64::MAX)] {
                let since = Since { created, last: None, deadline };
                let due = next_start(&hourly, since, now).ok().and_then(|recent| recent.slot);
                assert!(due.is_none_or(|slot| slot <= now));
                let look = next_look(&hourly, since, now);
                assert!(look.is_none_or(|look| look > now), "{created} {now}");
            }
        }
    }
}

#[test]
fn a_look_is_a_tenth_of_a_second_behind_its_slot() {
    assert_eq!(super::AFTER_SLOT, SignedDuration::from_millis(100));
}
