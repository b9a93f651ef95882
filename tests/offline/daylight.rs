//! What changes of the clocks do to schedules: examples for each sort of zone, and a comparison with
//! a whole year of starts.

use std::collections::BTreeMap;

use curfew::batch::schedule::Schedule;
use curfew::batch::schedule::daylight::{Disturbance, Kind, disturbances};
use curfew::batch::zone::{self, Zone};
use jiff::civil::{self, DateTime};
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rstest::rstest;

#[rstest]
#[case::nothing_at_noon("Europe/Berlin", "0 12 * * *", &[])]
#[case::no_change_of_the_clocks("Asia/Kolkata", "30 2 * * *", &[])]
#[case::skipped_and_doubled("Europe/Berlin", "30 2 * * *", &[
    "2025-03-30T02:30:00 skipped, next 2025-03-31T00:30:00Z",
    "2025-10-26T02:30:00 twice, 2025-10-26T00:30:00Z and 2025-10-26T01:30:00Z",
])]
#[case::at_the_edges("Europe/Berlin", "0 2,3 * * *", &[
    "2025-03-30T02:00:00 skipped, next 2025-03-30T01:00:00Z",
    "2025-10-26T02:00:00 twice, 2025-10-26T00:00:00Z and 2025-10-26T01:00:00Z",
])]
#[case::only_on_the_day("Europe/Berlin", "30 2 * * 1-6", &[])]
#[case::only_one_of_the_days("Europe/Berlin", "30 2 30 3 *", &[
    "2025-03-30T02:30:00 skipped, next 2026-03-30T00:30:00Z",
])]
#[case::hourly_goes_on("Europe/Berlin", "0 * * * *", &[])]
#[case::quarters_go_on("Europe/Berlin", "*/15 * * * *", &[])]
#[case::every_goes_on("Europe/Berlin", "@every 1h", &[])]
#[case::hourly_does_not_go_on_where_half_an_hour_changes("Australia/Lord_Howe", "0 * * * *", &[
    "2025-10-05T02:00:00 skipped, next 2025-10-04T16:00:00Z",
])]
#[case::half_hours_go_on_there("Australia/Lord_Howe", "*/30 * * * *", &[])]
#[case::doubled_half_hour("Australia/Lord_Howe", "45 1 * * *", &[
    "2025-04-06T01:45:00 twice, 2025-04-05T14:45:00Z and 2025-04-05T15:15:00Z",
    "2025-10-05T02:45:00 stray, 2025-10-04T15:45:00Z",
])]
#[case::half_an_hour_costs_a_day("Australia/Lord_Howe", "0 23 * * *", &[
    "2025-04-06T23:00:00 skipped, next 2025-04-07T12:30:00Z",
    "2025-10-05T23:00:00 skipped, next 2025-10-06T12:00:00Z",
])]
#[case::own_zone_counts("UTC", "TZ=America/New_York 30 2 * * *", &[
    "2025-03-09T02:30:00 skipped, next 2025-03-10T06:30:00Z",
])]
#[case::own_zone_without_changes("Europe/Berlin", "TZ=UTC 30 2 * * *", &[])]
#[case::midnight_in_the_east("Africa/Cairo", "0 0 * * *", &[
    "2025-04-25T00:00:00 skipped, next 2025-04-25T21:00:00Z",
])]
#[case::a_day_lost_in_the_east("Africa/Cairo", "0 9 * * 5", &[
    "2025-04-25T09:00:00 skipped, next 2025-05-02T06:00:00Z",
])]
#[case::not_lost_every_day("Africa/Cairo", "0 9 * * *", &[])]
#[case::not_lost_after_a_day_with_starts("Africa/Cairo", "0 9 * * 4,5", &[])]
#[case::all_hours_of_a_day_lost("Africa/Cairo", "0 */12 * * 5", &[
    "2025-04-25T00:00:00 skipped, next 2025-05-01T21:00:00Z",
    "2025-04-25T12:00:00 skipped, next 2025-05-01T21:00:00Z",
])]
#[case::not_lost_in_the_west("America/Santiago", "0 9 * * 0", &[])]
#[case::strays_into_the_day_behind("America/Santiago", "30 1 * * 6", &[
    "2025-09-07T01:30:00 stray, 2025-09-07T04:30:00Z",
])]
fn of_2025(#[case] zone: &str, #[case] text: &str, #[case] expected: &[&str]) {
    let schedule = Schedule::parse(text).unwrap();
    let now = "2025-01-01T00:00Z".parse().unwrap();
    let found: Vec<_> = disturbances(&schedule, &bundled(zone), now)
        .into_iter()
        .filter(|found| found.local.year() == 2025)
        .map(|found| describe(&found))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn an_hourly_schedule_does_not_go_on_where_its_day_is_lost() {
    let schedule = Schedule::parse("0 * * * 5").unwrap();
    let now = "2025-04-20T00:00Z".parse().unwrap();
    let found = disturbances(&schedule, &bundled("Africa/Cairo"), now);
    let lost: Vec<_> = found.iter().filter(|found| name(found.kind) == "skipped").collect();
    let hours: Vec<_> = lost.iter().map(|found| found.local.hour()).collect();
    assert_eq!(hours, (0..24).collect::<Vec<_>>());
    assert!(lost.iter().all(|found| found.local.date() == civil::date(2025, 4, 25)));
}

#[test]
fn a_year_ahead_and_no_further() {
    let schedule = Schedule::parse("30 2 * * *").unwrap();
    let zone = bundled("Europe/Berlin");
    let days = |now: &str| -> Vec<String> {
        let found = disturbances(&schedule, &zone, now.parse().unwrap());
        found.iter().map(|found| found.local.date().to_string()).collect()
    };
    assert_eq!(days("2025-03-30T00:59:59Z"), ["2025-03-30", "2025-10-26", "2026-03-29"]);
    assert_eq!(days("2025-03-30T01:00:00Z"), ["2025-10-26", "2026-03-29"]);
    assert_eq!(days("2025-02-01T00:00:00Z"), ["2025-03-30", "2025-10-26"]);
}

#[test]
fn a_day_that_the_zone_left_out() {
    let schedule = Schedule::parse("0 9 * * *").unwrap();
    let now = "2011-12-01T00:00Z".parse().unwrap();
    let first = disturbances(&schedule, &bundled("Pacific/Apia"), now)[0];
    assert_eq!(describe(&first), "2011-12-30T09:00:00 skipped, next 2011-12-30T19:00:00Z");
    assert_eq!(first.change, "2011-12-30T10:00Z".parse().unwrap());
}

/// A yearly schedule's search comes past the change before as well.
#[test]
fn a_slot_is_told_at_its_own_change() {
    let schedule = Schedule::parse("30 2 28 3 *").unwrap();
    let now = "2031-06-01T00:00Z".parse().unwrap();
    let found = disturbances(&schedule, &bundled("Europe/Berlin"), now);
    assert_eq!(found.len(), 1);
    assert_eq!(describe(&found[0]), "2032-03-28T02:30:00 skipped, next 2033-03-28T00:30:00Z");
    assert_eq!(found[0].change, "2032-03-28T01:00Z".parse().unwrap());
}

#[test]
fn the_ends_of_the_calendar_are_calm() {
    let schedule = Schedule::parse("30 2 * * *").unwrap();
    for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
        assert_eq!(disturbances(&schedule, &bundled(zone), Timestamp::MAX), []);
        assert_eq!(disturbances(&schedule, &bundled(zone), Timestamp::MIN), []);
    }
}

proptest! {
    /// A year of starts, one after the other, against the slots that the schedule names.
    #[test]
    fn agrees_with_a_year_of_starts(
        zone in select(&[
            "Africa/Cairo", "America/Havana", "America/New_York", "America/Santiago", "Asia/Beirut",
            "Atlantic/Azores", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Chatham",
        ][..]),
        minutes in subsequence(vec![0_i8, 15, 30, 59], 1..3),
        hours in subsequence((0..24_i8).filter(|hour| !(5..22).contains(hour)).collect::<Vec<_>>(), 1..4),
        days in select(&["*", "1", "25-31", "*/2", "26"][..]),
        months in select(&["*", "1", "4", "9-10", "*/3"][..]),
        weekdays in select(&["*", "0", "4", "5", "6", "0,6", "1-5"][..]),
        year in 2023_i16..2037,
        month in select(&[1_i8, 2, 6, 7, 12][..]),
    ) {
        let zone = bundled(zone);
        let text = format!("{} {} {days} {months} {weekdays}", list(&minutes), list(&hours));
        let schedule = Schedule::parse(&text).unwrap();
        let now = zone.local_to_instant(civil::date(year, month, 10).at(12, 0, 0, 0));
        let end = now + SignedDuration::from_hours(365 * 24);
        // Neither now nor the end is within days of a change in these zones.
        let mut found: Vec<_> = disturbances(&schedule, &zone, now)
            .into_iter()
            .filter(|found| found.change < end && found.local <= zone.time_zone().to_datetime(end))
            .map(|found| (found.local, name(found.kind)))
            .collect();
        found.sort();

        // The slots, by the calendar of a zone whose clocks never change.
        let mut slots = BTreeMap::<DateTime, i32>::new();
        let local = |at| zone.time_zone().to_datetime(at);
        let (first, last) = (local(now), local(end));
        let mut at = Zone::UTC.local_to_instant(first);
        while let Some(next) = schedule.next(at, &Zone::UTC) {
            let local = Zone::UTC.time_zone().to_datetime(next);
            if local > last {
                break;
            }
            slots.insert(local, 0);
            at = next;
        }
        // The starts, and those of them that are no slot.
        let mut strays = Vec::new();
        let mut at = now;
        while let Some(next) = schedule.next(at, &zone).filter(|next| *next <= end) {
            match slots.get_mut(&local(next)) {
                Some(count) => *count += 1,
                None => strays.push((local(next), "stray")),
            }
            at = next;
        }
        let mut expected: Vec<_> = slots
            .into_iter()
            .filter_map(|(local, count)| match count {
                0 => Some((local, "skipped")),
                1 => None,
                _ => Some((local, "twice")),
            })
            .chain(strays)
            .collect();
        expected.sort();
        prop_assert_eq!(found, expected, "{} in {}", text, zone);
    }
}

fn describe(found: &Disturbance) -> String {
    let Disturbance { local, change: _, kind } = found;
    match kind {
        Kind::Gap { next: Some(next) } => format!("{local} skipped, next {next}"),
        Kind::Gap { next: None } => format!("{local} skipped"),
        Kind::Overlap { first, second } => format!("{local} twice, {first} and {second}"),
        Kind::Stray { at } => format!("{local} stray, {at}"),
    }
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Gap { .. } => "skipped",
        Kind::Overlap { .. } => "twice",
        Kind::Stray { .. } => "stray",
    }
}

fn list(numbers: &[i8]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn bundled(zone: &str) -> Zone {
    zone::check_in(&TimeZoneDatabase::bundled(), zone).unwrap()
}
