use jiff::Timestamp;
use rstest::rstest;

use super::{Timetable, TimetableError};
use crate::batch::zone::{self, Zone};

/// Which clocks count, and what is read (upstream-semantics.md, 2.5, steps 4 and 6).
#[rstest]
#[case::of_the_cluster("0 9 * * *", None, "2016-05-20T00:00:00Z")]
#[case::of_the_cronjob("0 9 * * *", Some("Europe/Berlin"), "2016-05-20T07:00:00Z")]
#[case::of_the_schedule("TZ=America/New_York 0 9 * * *", None, "2016-05-19T13:00:00Z")]
#[case::of_the_schedule_and_not_of_the_cronjob(
    "CRON_TZ=America/New_York 0 9 * * *",
    Some("Europe/Berlin"),
    "2016-05-19T13:00:00Z"
)]
#[case::of_the_cluster_and_not_of_the_cronjob(
    // `Local` is the zone of the process.
    "TZ=Local 0 9 * * *", Some("Europe/Berlin"), "2016-05-20T00:00:00Z"
)]
#[case::empty_in_the_schedule("TZ= 0 9 * * *", None, "2016-05-20T09:00:00Z")]
#[case::blanks_go_with_a_zone(" @daily ", Some("Europe/Berlin"), "2016-05-19T22:00:00Z")]
#[case::every_has_no_clocks("@every 90m", Some("Europe/Berlin"), "2016-05-19T11:30:00Z")]
#[case::an_old_name("0 9 * * *", Some("US/Eastern"), "2016-05-19T13:00:00Z")]
fn reads(#[case] text: &str, #[case] zone: Option<&str>, #[case] expected: Timestamp) {
    let tokyo = zone::check("Asia/Tokyo").unwrap();
    let timetable = Timetable::read(text, zone, &tokyo).unwrap();
    assert_eq!(timetable.next("2016-05-19T10:00:00Z".parse().unwrap()), Some(expected));
    assert_eq!(timetable.unsupported, text.contains("TZ"));
}

#[rstest]
#[case::no_such_zone(
    "0 9 * * *",
    Some("Europe/Bielefeld"),
    "invalid timeZone: \"Europe/Bielefeld\": unknown time zone `Europe/Bielefeld`; use a name of the \
     IANA database, such as `Europe/Berlin`"
)]
#[case::letter_case(
    "0 9 * * *",
    Some("europe/berlin"),
    "invalid timeZone: \"europe/berlin\": unknown time zone `europe/berlin`; letter case counts, write \
     `Europe/Berlin`"
)]
#[case::the_zone_comes_before_the_schedule(
    "never",
    Some("Nowhere"),
    "invalid timeZone: \"Nowhere\": unknown time zone `Nowhere`; use a name of the IANA database, such \
     as `Europe/Berlin`"
)]
#[case::the_zone_is_looked_at_though_the_schedule_has_one(
    "TZ=UTC 0 9 * * *",
    Some("Nowhere"),
    "invalid timeZone: \"Nowhere\": unknown time zone `Nowhere`; use a name of the IANA database, such \
     as `Europe/Berlin`"
)]
#[case::no_such_zone_in_the_schedule(
    "TZ=Nowhere 0 9 * * *",
    None,
    "unparseable schedule: \"TZ=Nowhere 0 9 * * *\" : unknown time zone `Nowhere`; use a name of the \
     IANA database, such as `Europe/Berlin`"
)]
#[case::blanks_stay_without_a_zone(
    " @daily",
    None,
    "unparseable schedule: \" @daily\" : expected 5 fields, minute hour day-of-month month day-of-week, \
     but found 1; there is no field for seconds or years, and a macro such as `@daily` stands alone \
     without blanks"
)]
#[case::six_fields(
    "0 0 9 * * *",
    Some("Europe/Berlin"),
    "unparseable schedule: \"0 0 9 * * *\" : expected 5 fields, minute hour day-of-month month \
     day-of-week, but found 6; there is no field for seconds or years, and a macro such as `@daily` \
     stands alone without blanks"
)]
fn refuses(#[case] text: &str, #[case] zone: Option<&str>, #[case] expected: &str) {
    let error: TimetableError = Timetable::read(text, zone, &Zone::UTC).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn says_whose_clocks_it_follows() {
    let name = |text, zone| Timetable::read(text, zone, &Zone::UTC).unwrap().zone().to_string();
    assert_eq!(name("@daily", None), "UTC");
    assert_eq!(name("@daily", Some("Asia/Tokyo")), "Asia/Tokyo");
    assert_eq!(name("TZ=Europe/Berlin @daily", Some("Asia/Tokyo")), "Europe/Berlin");
}
