use rstest::rstest;

use super::Notice;

fn told(notice: &Notice) -> String {
    let Notice { warning, reason, note } = notice;
    let kind = if *warning { "Warning" } else { "Normal" };
    format!("{kind} {reason}: {note}")
}

#[test]
fn a_miss_is_told_by_the_clocks_of_utc() {
    let notice = Notice::missed("2016-05-19T10:00:00Z".parse().unwrap());
    let expected = "Warning MissSchedule: Missed scheduled time to start a job: Thu, 19 May 2016 \
                    10:00:00 +0000";
    assert_eq!(told(&notice), expected);
}

/// upstream-semantics.md, 2.10: what the driver tells.
#[rstest]
#[case(Notice::created("a"), "Normal SuccessfulCreate: Created job a")]
#[case(Notice::deleted("a"), "Normal SuccessfulDelete: Deleted job a")]
#[case(Notice::create_failed("no room"), "Warning FailedCreate: Error creating job: no room")]
#[case(Notice::delete_failed("no way"), "Warning FailedDelete: Deleted job: no way")]
#[case(Notice::get_failed("no way"), "Warning FailedGet: Get job: no way")]
#[case(
    Notice::edited_unparseable("never"),
    "Warning UnParseableCronJobSchedule: unparseable schedule for cronjob: never"
)]
fn tells(#[case] notice: Notice, #[case] expected: &str) {
    assert_eq!(told(&notice), expected);
}
