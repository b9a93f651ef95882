use rstest::rstest;

use super::{Case, LOOKS, SLEEPS, STARTS, check, time};
use crate::batch::{Child, Concurrency};

/// What a Job that exists and is not written down comes to: the start that it was made for.
#[rstest]
#[case::runs(
    |case: &mut Case| {
        case.children.push(Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z"));
    },
    &["active tidy-24394200", "scheduled 2016-05-19T10:00:00Z", LOOKS]
)]
#[case::counts_under_forbid(
    |case: &mut Case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.children.push(Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z"));
        case.now = time("2016-05-19T11:00:00.1Z");
    },
    &["Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency \
       policy is Forbid",
      "active tidy-24394200", "scheduled 2016-05-19T10:00:00Z", "looks 2016-05-19T12:00:00.1Z"]
)]
#[case::is_over_already(
    |case: &mut Case| {
        let child = Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z");
        case.children.push(child.succeeded_at("2016-05-19T10:00:07Z"));
        case.now = time("2016-05-19T10:01:00Z");
    },
    &["scheduled 2016-05-19T10:00:00Z", "successful 2016-05-19T10:00:07Z", LOOKS]
)]
#[case::is_over_by_a_clock_that_is_ahead(
    |case: &mut Case| {
        let child = Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z");
        case.children.push(child.succeeded_at("2016-05-19T10:01:30Z"));
        case.now = time("2016-05-19T10:01:00Z");
    },
    &["scheduled 2016-05-19T10:00:00Z", "successful 2016-05-19T10:01:30Z", LOOKS]
)]
#[case::is_over_at_a_time_that_is_to_come(
    |case: &mut Case| {
        let child = Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z");
        case.children.push(child.succeeded_at("2016-05-19T10:01:31Z"));
        case.now = time("2016-05-19T10:01:00Z");
    },
    &["scheduled 2016-05-19T10:00:00Z", LOOKS]
)]
#[case::the_latest_of_several(
    |case: &mut Case| {
        case.now = time("2016-05-19T11:00:00.1Z");
        case.children.push(Child::test("tidy-24394260").for_slot("2016-05-19T11:00:00Z"));
        case.children.push(Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z"));
    },
    &["active tidy-24394260, tidy-24394200", "scheduled 2016-05-19T11:00:00Z",
      "looks 2016-05-19T12:00:00.1Z"]
)]
#[case::of_a_start_to_come_it_is_unexpected(
    |case: &mut Case| {
        case.children.push(Child::test("tidy-24394260").for_slot("2016-05-19T11:00:00Z"));
        case.answers.cronjob = Some(case.cronjob.clone());
    },
    &["Warning UnexpectedJob: Saw a job that the controller did not create or forgot: tidy-24394260",
      STARTS, LOOKS]
)]
#[case::of_an_older_start_it_is_unexpected(
    |case: &mut Case| {
        case.children.push(Child::test("tidy-24394140").for_slot("2016-05-19T09:00:00Z"));
        case.answers.cronjob = Some(case.cronjob.clone());
    },
    &["Warning UnexpectedJob: Saw a job that the controller did not create or forgot: tidy-24394140",
      STARTS, LOOKS]
)]
#[case::of_another_name_it_is_unexpected(
    |case: &mut Case| {
        case.children.push(Child::test("by-hand").for_slot("2016-05-19T10:00:00Z"));
        case.answers.cronjob = Some(case.cronjob.clone());
    },
    &["Warning UnexpectedJob: Saw a job that the controller did not create or forgot: by-hand",
      STARTS, LOOKS]
)]
#[case::of_another_uid_it_is_unexpected(
    |case: &mut Case| {
        let child = Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z");
        case.children.push(Child { ours: false, ..child });
        case.answers.cronjob = Some(case.cronjob.clone());
    },
    &["Warning UnexpectedJob: Saw a job that the controller did not create or forgot: tidy-24394200",
      STARTS, LOOKS]
)]
#[case::suspended_ones_are_taken_up_too(
    |case: &mut Case| {
        case.cronjob.suspended = true;
        case.children.push(Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z"));
    },
    &["active tidy-24394200", "scheduled 2016-05-19T10:00:00Z", SLEEPS]
)]
#[case::the_first_start_of_all(
    |case: &mut Case| {
        case.cronjob.status.last_schedule = None;
        case.children.push(Child::test("tidy-24394200").for_slot("2016-05-19T10:00:00Z"));
    },
    &["active tidy-24394200", "scheduled 2016-05-19T10:00:00Z", LOOKS]
)]
fn recovers(#[case] set: impl FnOnce(&mut Case), #[case] expected: &[&str]) {
    check(set, expected);
}
