use rstest::rstest;

use super::{Case, INVALID, LOOKS, SLEEPS, STARTS, check, time};
use crate::batch::Outcome::{Failure, Success};
use crate::batch::cronjob::Active;
use crate::batch::{Child, Concurrency};

const FORBIDDEN: &str = "Normal JobAlreadyActive: Not starting job because prior execution is running \
                         and concurrency policy is Forbid";
const TOO_MANY: &str = "Warning TooManyMissedTimes: too many missed start times. Set or decrease \
                        .spec.startingDeadlineSeconds or check clock skew";

/// upstream-semantics.md, 2.5, steps 7 to 11.
#[rstest]
#[case::due(|_: &mut Case| {}, &[STARTS, LOOKS])]
#[case::not_yet(
    |case: &mut Case| case.now = time("2016-05-19T09:59:59.999Z"), &["looks 2016-05-19T10:00:00.1Z"]
)]
#[case::made_and_not_yet_due(
    |case: &mut Case| {
        case.cronjob.status.last_schedule = None;
        case.cronjob.created = time("2016-05-19T10:00:00Z");
    },
    &[LOOKS]
)]
#[case::made_in_the_future(
    |case: &mut Case| {
        case.cronjob.status.last_schedule = None;
        case.cronjob.created = time("2016-05-19T12:30:00Z");
    },
    &["looks 2016-05-19T13:00:00.1Z"]
)]
#[case::never(|case: &mut Case| case.cronjob.schedule = "0 0 31 2 *", &[INVALID, SLEEPS])]
#[case::written_down(
    |case: &mut Case| case.cronjob.status.last_schedule = Some(time("2016-05-19T10:00:00Z")), &[LOOKS]
)]
#[case::of_its_name(
    |case: &mut Case| case.runs("tidy-24394200"), &[LOOKS]
)]
#[case::of_its_name_under_forbid_without_a_word(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.runs("tidy-24394200");
    },
    &[LOOKS]
)]
#[case::only_the_latest_of_those_missed(
    |case: &mut Case| case.now = time("2016-05-19T14:25:00Z"),
    &["starts tidy-24394440 for 2016-05-19T14:00:00Z", "looks 2016-05-19T15:00:00.1Z"]
)]
#[case::a_hundred_missed(
    |case: &mut Case| {
        case.cronjob.schedule = "* * * * *";
        case.now = time("2016-05-19T10:40:00.1Z");
    },
    &["starts tidy-24394240 for 2016-05-19T10:40:00Z", "looks 2016-05-19T10:41:00.1Z"]
)]
#[case::a_hundred_and_one_missed(
    |case: &mut Case| {
        case.cronjob.schedule = "* * * * *";
        case.now = time("2016-05-19T10:41:00.1Z");
    },
    &[TOO_MANY, "starts tidy-24394241 for 2016-05-19T10:41:00Z", "looks 2016-05-19T10:42:00.1Z"]
)]
#[case::the_warning_comes_before_the_reason_not_to_start(
    |case: &mut Case| {
        case.cronjob.schedule = "* * * * *";
        case.cronjob.concurrency = Concurrency::Forbid;
        case.runs("a");
        case.now = time("2016-05-19T10:41:00.1Z");
    },
    &[TOO_MANY, FORBIDDEN, "looks 2016-05-19T10:42:00.1Z"]
)]
#[case::many_missed_and_none_due_is_no_warning(
    // Minutes of Thursday, looked at on Friday: the estimate ends behind them all.
    |case: &mut Case| {
        case.cronjob.schedule = "* * * * 4";
        case.now = time("2016-05-20T10:00:00.1Z");
    },
    &["looks 2016-05-26T00:00:00.1Z"]
)]
#[case::an_estimate_that_overshoots(
    |case: &mut Case| {
        case.cronjob.schedule = "30 10,11,12 * * 1-5";
        case.cronjob.status.last_schedule = Some(time("2016-05-19T10:30:00Z"));
        case.now = time("2016-05-20T16:30:00Z");
    },
    &["looks 2016-05-23T10:30:00.1Z"]
)]
#[case::the_outage_of_the_documentation(
    |case: &mut Case| {
        case.cronjob.schedule = "*/1 * * * *";
        case.cronjob.status.last_schedule = Some(time("2016-05-19T08:29:00Z"));
        case.now = time("2016-05-19T10:21:00Z");
    },
    &[TOO_MANY, "starts tidy-24394221 for 2016-05-19T10:21:00Z", "looks 2016-05-19T10:22:00.1Z"]
)]
#[case::the_outage_of_the_documentation_with_a_deadline(
    |case: &mut Case| {
        case.cronjob.schedule = "*/1 * * * *";
        case.cronjob.status.last_schedule = Some(time("2016-05-19T08:29:00Z"));
        case.cronjob.deadline = Some(200);
        case.now = time("2016-05-19T10:21:00Z");
    },
    &["starts tidy-24394221 for 2016-05-19T10:21:00Z", "looks 2016-05-19T10:22:00.1Z"]
)]
#[case::a_deadline_of_0(|case: &mut Case| case.cronjob.deadline = Some(0), &[LOOKS])]
#[case::a_deadline_of_5_s_met(
    |case: &mut Case| {
        case.cronjob.deadline = Some(5);
        case.now = time("2016-05-19T10:00:04.999Z");
    },
    &[STARTS, LOOKS]
)]
#[case::a_deadline_of_5_s_missed_without_a_word(
    |case: &mut Case| {
        case.cronjob.deadline = Some(5);
        case.now = time("2016-05-19T10:00:05Z");
    },
    &[LOOKS]
)]
#[case::a_deadline_of_centuries(|case: &mut Case| case.cronjob.deadline = Some(i64::MAX), &[STARTS, LOOKS])]
#[case::allowed_beside_another(|case: &mut Case| case.runs("a"), &[STARTS, LOOKS])]
#[case::forbidden_beside_another(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.runs("a");
    },
    &[FORBIDDEN, LOOKS]
)]
#[case::forbidden_no_more_when_it_has_ended(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.runs("a");
        case.children[0] = Child::test("a").over(Failure);
        case.now = time("2016-05-19T10:45:00Z");
    },
    &["Normal SawCompletedJob: Saw completed job: a, condition: Failed", "active nothing", STARTS, LOOKS]
)]
#[case::forbidden_no_more_and_too_late(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.cronjob.deadline = Some(600);
        case.runs("a");
        case.children[0] = Child::test("a").over(Failure);
        case.now = time("2016-05-19T10:45:00Z");
    },
    &["Normal SawCompletedJob: Saw completed job: a, condition: Failed", "active nothing", LOOKS]
)]
#[case::replaces_all_that_run(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Replace;
        case.runs("a");
        case.runs("b");
    },
    &["starts tidy-24394200 for 2016-05-19T10:00:00Z instead of a, b", LOOKS]
)]
#[case::replaces_what_only_the_api_server_shows(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Replace;
        case.cronjob.status.active.push(Active::test("a"));
        case.answers.jobs.insert("a".to_owned(), true);
    },
    &["starts tidy-24394200 for 2016-05-19T10:00:00Z instead of a", LOOKS]
)]
#[case::replaces_nothing(
    |case: &mut Case| case.cronjob.concurrency = Concurrency::Replace, &[STARTS, LOOKS]
)]
#[case::two_slots_of_a_minute_share_a_name(
    |case: &mut Case| {
        case.cronjob.schedule = "@every 30s";
        case.cronjob.status.last_schedule = Some(time("2016-05-19T10:00:00Z"));
        case.runs("tidy-24394200");
        case.now = time("2016-05-19T10:00:30.1Z");
    },
    &["looks 2016-05-19T10:01:00.1Z"]
)]
#[case::the_first_of_them_is_over(
    // Its name is taken still: see `existing`.
    |case: &mut Case| {
        case.cronjob.schedule = "@every 30s";
        case.cronjob.status.last_schedule = Some(time("2016-05-19T10:00:00Z"));
        case.children.push(Child::test("tidy-24394200").over(Success));
        case.now = time("2016-05-19T10:00:30.1Z");
    },
    &["starts tidy-24394200 for 2016-05-19T10:00:30Z", "looks 2016-05-19T10:01:00.1Z"]
)]
#[case::every_counts_from_the_last_start(
    |case: &mut Case| case.cronjob.schedule = "@every 45m",
    &["starts tidy-24394185 for 2016-05-19T09:45:00Z", "looks 2016-05-19T10:30:00.1Z"]
)]
fn starts(#[case] set: impl FnOnce(&mut Case), #[case] expected: &[&str]) {
    check(set, expected);
}

/// A name of 52 characters is the longest that the API server takes.
#[test]
fn the_longest_name_starts_like_any() {
    let name: &'static str = "a123456789b123456789c123456789d123456789e123456789f1";
    assert_eq!(name.len(), 52);
    let case = Case::after(|case| case.cronjob.name = name);
    assert_eq!(case.pass().start.unwrap().name, format!("{name}-24394200"));
}
