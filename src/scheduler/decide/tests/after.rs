use rstest::rstest;

use super::{Case, LOOKS, lines, names, time};
use crate::batch::Outcome::{Failure, Success};
use crate::batch::cronjob::Active;
use crate::batch::{Child, Concurrency};
use crate::scheduler::decide::Existing;

#[test]
fn what_was_started_is_written_down() {
    let case = Case::after(|case| case.runs("a"));
    let mut pass = case.pass();
    let start = pass.start.clone().unwrap();
    pass.started(&start, Active::test("tidy-24394200"));
    assert_eq!(names(&pass.status.active), "a, tidy-24394200");
    assert_eq!(pass.status.last_schedule, Some(time("2016-05-19T10:00:00Z")));
    assert_eq!(pass.wake, Some(time("2016-05-19T11:00:00.1Z")));
}

#[test]
fn what_was_replaced_is_written_down_no_more() {
    let case = Case::after(|case| {
        case.cronjob.concurrency = Concurrency::Replace;
        case.runs("a");
        case.runs("b");
    });
    let mut pass = case.pass();
    let start = pass.start.clone().unwrap();
    pass.started(&start, Active::test("tidy-24394200"));
    assert_eq!(names(&pass.status.active), "tidy-24394200");
}

#[test]
fn nothing_is_written_down_twice() {
    let mut pass = Case::new().pass();
    let start = pass.start.clone().unwrap();
    pass.started(&start, Active::test("tidy-24394200"));
    pass.started(&start, Active::test("tidy-24394200"));
    assert_eq!(names(&pass.status.active), "tidy-24394200");
}

/// The look that follows a start counts from that start, also where the pass before looked late.
#[test]
fn the_look_after_a_late_start_is_at_the_next_slot() {
    let case = Case::after(|case| {
        case.cronjob.schedule = "@every 1h";
        case.now = time("2016-05-19T14:25:00Z");
    });
    let mut pass = case.pass();
    let start = pass.start.clone().unwrap();
    assert_eq!(start.slot, time("2016-05-19T14:00:00Z"));
    pass.started(&start, Active::test(""));
    assert_eq!(pass.wake, Some(time("2016-05-19T15:00:00.1Z")));
}

#[test]
fn forbid_does_not_move_the_last_start() {
    let case = Case::after(|case| {
        case.cronjob.concurrency = Concurrency::Forbid;
        case.runs("a");
    });
    let pass = case.pass();
    assert_eq!(pass.start, None);
    assert_eq!(pass.status, case.cronjob.status);
}

/// upstream-semantics.md, 2.5, step 12: `AlreadyExists`.
#[rstest]
#[case::of_another_owner(Child { ours: false, ..Child::test("tidy-24394200") }, Existing::Foreign)]
#[case::written_down(Child::test("listed"), Existing::Listed)]
#[case::written_down_but_of_another_owner(
    Child { ours: false, ..Child::test("listed") }, Existing::Foreign
)]
#[case::forgotten(Child::test("tidy-24394200"), Existing::Adopt)]
#[case::forgotten_and_over(Child::test("tidy-24394200").over(Success), Existing::Adopt)]
fn existing(#[case] found: Child<'static>, #[case] expected: Existing) {
    let case = Case::after(|case| case.runs("listed"));
    let pass = case.pass();
    assert_eq!(pass.start.as_ref().unwrap().existing(&found, &pass.status), expected);
}

/// A Job that was adopted although it is over goes from the list in the next pass.
#[test]
fn an_adopted_job_that_is_over_is_seen_in_the_next_pass() {
    let mut case = Case::new();
    let found = Child::test("tidy-24394200").over(Failure);
    let mut pass = case.pass();
    let start = pass.start.clone().unwrap();
    assert_eq!(start.existing(&found, &pass.status), Existing::Adopt);
    pass.started(&start, found.reference());
    case.cronjob.status = pass.status;
    case.children.push(found);
    let expected = [
        "Normal SawCompletedJob: Saw completed job: tidy-24394200, condition: Failed",
        "active nothing",
        LOOKS,
    ];
    assert_eq!(lines(&case.step(), &case.cronjob.status), expected);
}
