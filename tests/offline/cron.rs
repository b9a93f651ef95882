//! Schedules and time zones against the originals: a corpus that the real Go libraries made
//! (`tests/cron-corpus`), and promises that hold for any schedule.
//!
//! The corpus is compared in the bundled time zone database, whose release `Cargo.lock` pins, so
//! that the answer does not depend on the machine.

use curfew::batch::schedule::{Schedule, ScheduleError};
use curfew::batch::zone::{self, Zone};
use jiff::civil::DateTime;
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rstest::rstest;

#[test]
fn agrees_with_robfig_cron() {
    let mut cases = 0;
    let mut wrong = Vec::new();
    for line in CORPUS.lines() {
        let Some(rest) = line.strip_prefix("cron ") else { continue };
        let (zone, rest) = rest.split_once(' ').unwrap();
        let (start, rest) = rest.split_once(' ').unwrap();
        let (schedule, expected) = json_string(rest);
        let found = starts(&bundled(zone), start.parse().unwrap(), &schedule);
        cases += 1;
        // Where the original goes back, this goes on; in which time is not comparable.
        let agrees = match expected.strip_suffix("back") {
            Some(expected) => found.starts_with(expected) && !found.contains('-'),
            None => found == expected,
        };
        if !agrees {
            wrong.push(format!("{line}\n     but found: {found}"));
        }
    }
    assert!(cases > 9_000, "the corpus has only {cases} cases");
    let (count, shown) = (wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
    assert!(wrong.is_empty(), "{count} of {cases} differ from Go:\n{shown}");
}

#[test]
fn agrees_with_kubernetes_on_zone_names() {
    let mut cases = 0;
    for line in CORPUS.lines() {
        let Some(rest) = line.strip_prefix("zone ") else { continue };
        let (name, expected) = json_string(rest);
        for found in [zone::check(&name), zone::check_in(&TimeZoneDatabase::bundled(), &name)] {
            assert_eq!(found.is_ok(), expected == "OK", "{line}: {found:?}");
            assert!(found.is_err() || found.unwrap().name() == name, "{line}");
        }
        cases += 1;
    }
    assert!(cases > 50, "the corpus has only {cases} names");
}

/// The consequences that upstream-semantics.md, 3.5, draws from the search, and its odd ends.
#[rstest]
#[case::in_the_gap_is_skipped(
    "Europe/Berlin", "2025-03-29T12:00", "30 2 * * *", &["2025-03-31T02:30+02", "2025-04-01T02:30+02"]
)]
#[case::hourly_through_the_gap(
    "Europe/Berlin", "2025-03-30T00:30", "0 * * * *", &["2025-03-30T01:00+01", "2025-03-30T03:00+02"]
)]
#[case::quarters_through_the_gap(
    "Europe/Berlin", "2025-03-30T01:40", "*/15 * * * *", &["2025-03-30T01:45+01", "2025-03-30T03:00+02"]
)]
#[case::in_the_overlap_twice(
    "Europe/Berlin", "2025-10-25T12:00", "30 2 * * *",
    &["2025-10-26T02:30+02", "2025-10-26T02:30+01", "2025-10-27T02:30+01"]
)]
#[case::hourly_through_the_overlap(
    "Europe/Berlin", "2025-10-26T01:30", "0 * * * *",
    &["2025-10-26T02:00+02", "2025-10-26T02:00+01", "2025-10-26T03:00+01"]
)]
#[case::no_midnight_in_the_west(
    "America/Sao_Paulo", "2018-11-03T12:00", "0 0 * * *", &["2018-11-05T00:00-02"]
)]
#[case::no_midnight_in_the_west_is_weekly_found(
    "America/Sao_Paulo", "2018-11-01T12:00", "0 9 * * 0", &["2018-11-04T09:00-02"]
)]
#[case::no_midnight_in_the_west_hides_that_the_day_is_over(
    "America/Sao_Paulo", "2018-11-03T00:00", "0 1 * * 6",
    &["2018-11-03T01:00-03", "2018-11-04T01:00-02", "2018-11-10T01:00-02"]
)]
#[case::no_midnight_in_the_east_loses_the_weekly(
    "Africa/Cairo", "2024-04-24T12:00", "0 9 * * 5", &["2024-05-03T09:00+03"]
)]
#[case::no_midnight_in_the_east_keeps_the_daily(
    "Africa/Cairo", "2024-04-25T12:00", "0 9 * * *", &["2024-04-26T09:00+03"]
)]
#[case::half_an_hour_forward(
    "Australia/Lord_Howe", "2021-10-03T00:30", "0 * * * *",
    &["2021-10-03T01:00+10:30", "2021-10-03T03:00+11"]
)]
#[case::half_an_hour_back(
    "Australia/Lord_Howe", "2021-04-04T00:30", "45 * * * *",
    &["2021-04-04T00:45+11", "2021-04-04T01:45+11", "2021-04-04T01:45+10:30", "2021-04-04T02:45+10:30"]
)]
#[case::never_back_in_time(
    "Pacific/Chatham", "2016-04-03T00:00", "50 */3 * * *",
    &["2016-04-03T00:50+13:45", "2016-04-03T02:50+12:45", "2016-04-03T03:50+12:45", "2016-04-03T06:50+12:45"]
)]
#[case::leap_day("UTC", "2024-02-29T00:00", "0 0 29 2 *", &["2028-02-29T00:00Z"])]
#[case::leap_day_beyond_five_years("UTC", "2096-03-01T00:00", "0 0 29 2 *", &[])]
#[case::no_such_day("Europe/Berlin", "2025-01-01T00:00", "0 0 31 2 *", &[])]
#[case::a_day_that_the_zone_left_out("Pacific/Apia", "2011-12-20T00:00", "0 0 30 12 *", &[])]
#[case::from_the_day_before_the_lost_one("Pacific/Apia", "2011-12-29T12:00", "0 0 * * 6", &[])]
#[case::past_the_lost_day("Pacific/Apia", "2012-01-01T00:00", "0 0 30 12 *", &["2012-12-30T00:00+14"])]
#[case::own_zone_wins("Europe/Berlin", "2025-06-01T12:00", "TZ=Asia/Tokyo 0 9 * * *", &["2025-06-02T09:00+09"])]
#[case::before_1970("UTC", "1969-12-31T23:59:59.5", "* * * * *", &["1970-01-01T00:00Z"])]
#[case::strictly_after("UTC", "2025-01-01T00:00", "0 0 1 1 *", &["2026-01-01T00:00Z"])]
#[case::just_before("UTC", "2024-12-31T23:59:59.999", "0 0 1 1 *", &["2025-01-01T00:00Z"])]
#[case::at_the_end_of_the_calendar("UTC", "9999-12-30T21:59:59", "0 0 1 1 *", &[])]
fn next_start(
    #[case] zone: &str,
    #[case] from: DateTime,
    #[case] text: &str,
    #[case] expected: &[&str],
) {
    let zone = bundled(zone);
    let schedule = Schedule::parse(text).unwrap();
    let mut at = zone.local_to_instant(from);
    for expected in expected {
        let next = schedule.next(at, &zone).expect("there is a next start");
        assert_eq!(next, expected.parse::<Timestamp>().unwrap(), "expected {expected}");
        at = next;
    }
    if expected.is_empty() {
        assert_eq!(schedule.next(at, &zone), None);
    }
}

#[rstest]
#[case::every_second_of_a_fraction("@every 1s", "1969-12-31T23:59:58.7Z", "1969-12-31T23:59:59Z")]
#[case::counts_from_where_it_is("@every 90m", "2025-03-30T00:59:59.7Z", "2025-03-30T02:29:59Z")]
fn every_counts_from_the_last_start(
    #[case] text: &str,
    #[case] after: Timestamp,
    #[case] expected: Timestamp,
) {
    let schedule = Schedule::parse(text).unwrap();
    assert_eq!(schedule.next(after, &bundled("Europe/Berlin")), Some(expected));
}

#[test]
fn ends_with_the_calendar() {
    for text in ["* * * * *", "0 0 1 1 *", "@every 1s", "@every 2562047h"] {
        let schedule = Schedule::parse(text).unwrap();
        for zone in ["UTC", "Pacific/Kiritimati", "America/New_York"] {
            assert_eq!(schedule.next(Timestamp::MAX, &bundled(zone)), None, "{text} in {zone}");
            let first =
                schedule.next(Timestamp::MIN, &bundled(zone)).expect("there are years ahead");
            assert!(first > Timestamp::MIN, "{text} in {zone}");
        }
    }
}

/// What people are told; the corpus has what is refused.
#[rstest]
#[case(
    "",
    "the schedule is empty; write five fields, minute hour day-of-month month day-of-week, or a macro such as `@daily`"
)]
#[case(
    "* * * *",
    "expected 5 fields, minute hour day-of-month month day-of-week, but found 4; there is no field for seconds or years, and a macro such as `@daily` stands alone without blanks"
)]
#[case(
    "0 0 * * 5-7",
    "`5-7` in the day-of-week field: 7 is no day of the week here; write 0 for Sunday"
)]
#[case(
    "0 0 * * FRI-MON",
    "`FRI-MON` in the day-of-week field: 5 comes after 1; a range cannot wrap around, write two with a comma between"
)]
#[case(
    "0 0 L * *",
    "`L` in the day-of-month field: `L` is no number; there is no `L`, `W` or `#`, and no fraction"
)]
#[case(
    "0 0 1 March *",
    "`March` in the month field: `March` is neither a number nor a name of three letters, such as `jan`"
)]
#[case("60 * * * *", "`60` in the minute field: 60 is above the greatest value, 59")]
#[case("0 0 0 * *", "`0` in the day-of-month field: 0 is below the least value, 1")]
#[case("1,*/0 * * * *", "`*/0` in the minute field: the step must be 1 or more")]
#[case(
    "5- * * * *",
    "`5-` in the minute field: a number is missing; leave the hyphen or slash out, or put one on both sides"
)]
#[case("1-2-3 * * * *", "`1-2-3` in the minute field: a range has one hyphen")]
#[case("*/2/3 * * * *", "`*/2/3` in the minute field: a step has one slash")]
#[case(
    "@Daily",
    "unknown macro `@Daily`; there are `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly` and `@every <duration>`, in lower case and without blanks around"
)]
#[case(
    "@every 1d",
    "`1d` is no duration; write `@every` and one blank, then numbers with the units `h`, `m` or `s`, such as `@every 1h30m`"
)]
#[case(
    "TZ=UTC",
    "`TZ=UTC` names a time zone and nothing else; put a blank and the five fields behind"
)]
#[case(
    "TZ=asia/tokyo @daily",
    "unknown time zone `asia/tokyo`; letter case counts, write `Asia/Tokyo`"
)]
fn says_what_is_wrong(#[case] text: &str, #[case] message: &str) {
    let error: ScheduleError = Schedule::parse(text).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[rstest]
#[case("", "the time zone is empty; leave it out or name one, such as `Europe/Berlin`")]
#[case(
    "europe/berlin",
    "unknown time zone `europe/berlin`; letter case counts, write `Europe/Berlin`"
)]
#[case("utc", "unknown time zone `utc`; letter case counts, write `UTC`")]
#[case(
    "Europe/Bielefeld",
    "unknown time zone `Europe/Bielefeld`; use a name of the IANA database, such as `Europe/Berlin`"
)]
#[case(
    "Etc/Unknown",
    "unknown time zone `Etc/Unknown`; use a name of the IANA database, such as `Europe/Berlin`"
)]
#[case(
    "local",
    "`local` is no time zone of its own; name the one you mean, such as `Europe/Berlin`"
)]
#[case(
    "Europe/Berl in",
    "`Europe/Berl in` cannot be a time zone: each part between slashes has 1 to 14 letters, digits, `.`, `_`, `+` or `-`, and no `-` in front; write it as in `Europe/Berlin`"
)]
fn says_what_is_wrong_with_a_zone(#[case] name: &str, #[case] message: &str) {
    assert_eq!(zone::check(name).unwrap_err().to_string(), message);
}

#[rstest]
#[case("0 5 * * *", false)]
#[case("TZ=UTC 0 5 * * *", true)]
#[case("CRON_TZ=UTC 0 5 * * *", true)]
#[case("0 5 * * * # TZ", true)]
#[case("tz=UTC 0 5 * * *", false)]
fn zones_are_mentioned(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(Schedule::mentions_zone(text), expected);
}

/// Go's `time.Date` in a gap and in an overlap, east and west of Greenwich.
#[rstest]
#[case::ordinary("Europe/Berlin", "2025-07-01T12:00:00.25", "2025-07-01T12:00:00.25+02")]
#[case::gap_east("Europe/Berlin", "2025-03-30T02:30", "2025-03-30T03:30+02")]
#[case::gap_west("America/New_York", "2025-03-09T02:30", "2025-03-09T01:30-05")]
#[case::overlap_east("Europe/Berlin", "2025-10-26T02:30", "2025-10-26T02:30+01")]
#[case::overlap_west("America/New_York", "2025-11-02T01:30", "2025-11-02T01:30-04")]
#[case::left_out_day("Pacific/Apia", "2011-12-30T00:00", "2011-12-29T00:00-10")]
fn local_time_to_instant(#[case] zone: &str, #[case] local: DateTime, #[case] expected: Timestamp) {
    assert_eq!(bundled(zone).local_to_instant(local), expected);
}

#[test]
fn local_times_at_the_ends_of_the_calendar_saturate() {
    let (east, west) = (bundled("Pacific/Kiritimati"), bundled("Pacific/Pago_Pago"));
    assert_eq!(east.local_to_instant(DateTime::MIN), Timestamp::MIN);
    assert_eq!(west.local_to_instant(DateTime::MAX), Timestamp::MAX);
}

proptest! {
    #[test]
    fn next_is_later_stable_and_of_the_schedule(
        days in any_days(),
        (minutes, hours) in any_times(),
        zone in select(UNBROKEN_MIDNIGHTS),
        after in any_instant(),
    ) {
        let zone = bundled(zone);
        let text = format!("{} {} {}", list(&minutes), list(&hours), days.text);
        let schedule = Schedule::parse(&text).unwrap();
        let next = schedule.next(after, &zone).unwrap();
        prop_assert!(next > after);
        prop_assert_eq!(schedule.next(next - SignedDuration::from_secs(1), &zone), Some(next));
        let local = zone.time_zone().to_datetime(next);
        prop_assert!(minutes.contains(&local.minute()) && hours.contains(&local.hour()), "{}", local);
        prop_assert!(days.has(local), "{} is no day of {}", local, text);
        prop_assert_eq!(local.second(), 0);
    }

    #[test]
    fn no_start_is_passed_over(
        days in any_days(),
        (minutes, hours) in any_times(),
        after in any_instant(),
    ) {
        let text = format!("{} {} {}", list(&minutes), list(&hours), days.text);
        let schedule = Schedule::parse(&text).unwrap();
        let next = schedule.next(after, &Zone::UTC).unwrap();
        // Minute by minute, for as long as that is quick.
        let minute = after.as_second().div_euclid(60);
        for minute in minute + 1..(next.as_second() / 60).min(minute + 3_000) {
            let at = Timestamp::from_second(minute * 60).unwrap();
            let local = Zone::UTC.time_zone().to_datetime(at);
            let start = minutes.contains(&local.minute()) && hours.contains(&local.hour())
                && days.has(local);
            prop_assert!(!start, "{} was passed over", at);
        }
    }

    #[test]
    fn next_ends_for_anything_that_parses(
        text in "[0-9*?]{1,2}(/[0-9]{1,2})? [0-9*,-]{1,5} [0-9*?,]{1,4} [0-9*,]{1,3} [0-6*?,]{1,3}",
        zone in select(&["Pacific/Apia", "Pacific/Kwajalein", "Pacific/Chatham", "Africa/Cairo"][..]),
        after in any_instant(),
    ) {
        if let Ok(schedule) = Schedule::parse(&text) {
            let zone = bundled(zone);
            prop_assert!(schedule.next(after, &zone).is_none_or(|next| next > after));
        }
    }

    #[test]
    fn any_text_is_a_schedule_or_an_error(text in "(CRON_)?(TZ=)?[ -~]{0,20}|\\PC{0,20}|@every \\PC{0,9}") {
        if let Err(error) = Schedule::parse(&text) {
            let message = error.to_string();
            prop_assert!(!message.is_empty() && !message.ends_with('.'), "{}", message);
        }
    }
}

/// Three fields for days, and what they say.
#[derive(Clone, Debug)]
struct Days {
    text: String,
    of_month: Vec<i8>,
    months: Vec<i8>,
    of_week: Vec<i8>,
    both: bool,
}

// === impl Days ===

impl Days {
    fn has(&self, local: DateTime) -> bool {
        let day = self.of_month.contains(&local.day());
        let weekday = self.of_week.contains(&local.weekday().to_sunday_zero_offset());
        let is_day = if self.both { day && weekday } else { day || weekday };
        is_day && self.months.contains(&local.month())
    }
}

/// Days of which there is one at least every second year.
fn any_days() -> impl Strategy<Value = Days> {
    let star = |numbers: &[i8], all: usize| (numbers.len() == all).then(|| "*".to_owned());
    let days = (any::<bool>(), subsequence((1..=28).collect::<Vec<_>>(), 1..5));
    let months = (any::<bool>(), subsequence((1..=12).collect::<Vec<_>>(), 1..4));
    let weekdays = (any::<bool>(), subsequence((0..=6).collect::<Vec<_>>(), 1..4));
    (days, months, weekdays).prop_map(move |(days, months, weekdays)| {
        let open = |(open, some): (bool, Vec<i8>), least, most| {
            if open { (least..=most).collect() } else { some }
        };
        let months = open(months, 1, 12);
        let weekdays = open(weekdays, 0, 6);
        // A day of the month and of the week in a certain month may be years away.
        let days = if weekdays.len() < 7 && months.len() < 12 {
            (1..=31).collect()
        } else {
            open(days, 1, 31)
        };
        let texts = [star(&days, 31), star(&months, 12), star(&weekdays, 7)];
        let both = texts[0].is_some() || texts[2].is_some();
        let lists = [list(&days), list(&months), list(&weekdays)];
        let fields = texts.into_iter().zip(lists).map(|(star, list)| star.unwrap_or(list));
        let text = fields.collect::<Vec<_>>().join(" ");
        Days { text, of_month: days, months, of_week: weekdays, both }
    })
}

fn any_times() -> impl Strategy<Value = (Vec<i8>, Vec<i8>)> {
    let minutes = subsequence((0..60).collect::<Vec<_>>(), 1..6);
    let hours = subsequence((0..24).collect::<Vec<_>>(), 1..6);
    (minutes, hours)
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    // 1971 to 2100, to the nanosecond.
    (31_536_000_i64..4_102_444_800, 0..1_000_000_000)
        .prop_map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds).unwrap())
}

fn list(numbers: &[i8]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The seconds between four starts in a row, in the words of the corpus.
fn starts(zone: &Zone, start: Timestamp, schedule: &str) -> String {
    let Ok(schedule) = Schedule::parse(schedule) else { return "ERR".to_owned() };
    let mut words = Vec::new();
    let mut at = start;
    for _ in 0..4 {
        let Some(next) = schedule.next(at, zone) else {
            words.push("never".to_owned());
            break;
        };
        words.push((next.as_second() - at.as_second()).to_string());
        at = next;
    }
    words.join(" ")
}

fn bundled(zone: &str) -> Zone {
    zone::check_in(&TimeZoneDatabase::bundled(), zone).unwrap()
}

/// The JSON string with which the text starts, and what follows after a blank.
fn json_string(text: &str) -> (String, &str) {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let string = stream.next().unwrap().unwrap();
    (string, &text[stream.byte_offset() + 1..])
}

const CORPUS: &str = include_str!("../fixtures/cron.txt");

/// Zones whose every day has a midnight since 1971. Where one is missing a start may lie on a day
/// that is none of the schedule's; `next_start` has that.
const UNBROKEN_MIDNIGHTS: &[&str] = &[
    "UTC",
    "America/Chicago",
    "America/New_York",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Auckland",
];

/// Where the clocks go back within an hour, Go's search answers with a moment before the one that it
/// was asked about, and a controller would start the past again. docs/cronjobs.md tells of it.
#[rstest]
#[case::chatham("Pacific/Chatham", "2026-04-04T14:00:03Z", "*/7 */3 * * *", "2026-04-04T14:15:00Z")]
#[case::st_johns_until_2011(
    "America/St_Johns",
    "2010-11-07T02:31:02Z",
    "0 0 * * *",
    "2010-11-07T03:30:00Z"
)]
fn a_search_never_goes_back(
    #[case] zone: &str,
    #[case] after: &str,
    #[case] schedule: &str,
    #[case] expected: Timestamp,
) {
    let of_go = format!("cron {zone} {after} {schedule:?} back");
    assert!(CORPUS.lines().any(|line| line == of_go), "{of_go}");
    let after = after.parse().unwrap();
    let next = Schedule::parse(schedule).unwrap().next(after, &bundled(zone));
    assert_eq!(next, Some(expected));
    assert!(after < expected);
}

#[rstest]
#[case::posix("posix/Europe/Berlin", "Europe/Berlin")]
#[case::right("right/America/St_Johns", "America/St_Johns")]
#[case::in_front_of_a_schedule("posix/UTC", "UTC")]
fn zones_of_a_host_below_a_folder_are_known(#[case] name: &str, #[case] twin: &str) {
    let (zone, twin) = (zone::check(name).unwrap(), zone::check(twin).unwrap());
    assert_eq!((zone.name(), zone.to_string()), (name, name.to_owned()));
    let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let schedule = Schedule::parse("30 2 * * *").unwrap();
    let starts = |zone: &Zone| {
        std::iter::successors(schedule.next(now, zone), |at| schedule.next(*at, zone))
            .take(60)
            .collect::<Vec<_>>()
    };
    assert_eq!(starts(&zone), starts(&twin));
    let prefixed = Schedule::parse(&format!("TZ={name} 30 2 * * *")).unwrap();
    assert_eq!(prefixed.next(now, &Zone::UTC), schedule.next(now, &twin));
}

#[rstest]
#[case::nothing_below("posix/")]
#[case::no_zone("posix/Europe/Atlantis")]
#[case::twice("posix/right/UTC")]
#[case::letter_case("posix/europe/berlin")]
#[case::another_folder("leap/UTC")]
fn what_lies_in_no_folder_of_zones_is_none(#[case] name: &str) {
    assert!(zone::check(name).is_err());
}
