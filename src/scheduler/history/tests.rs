use rstest::rstest;

use super::beyond_limits;
use crate::batch::Outcome::{Failure, Success};
use crate::batch::{Child, CronJob};

fn chosen(limits: (Option<i64>, Option<i64>), children: &[Child<'static>]) -> Vec<&'static str> {
    let (successful_limit, failed_limit) = limits;
    let cronjob = CronJob { successful_limit, failed_limit, ..CronJob::test() };
    beyond_limits(&cronjob, children).iter().map(|child| child.name).collect()
}

fn successes(names: &[&'static str]) -> Vec<Child<'static>> {
    names.iter().map(|name| Child::test(name).over(Success)).collect()
}

#[rstest]
#[case::at_both_limits((2, 1), &[])]
#[case::one_success_too_many((1, 1), &["s1"])]
#[case::none_of_the_failures((2, 0), &["f1"])]
#[case::no_success_and_one_failure((0, 1), &["s1", "s2"])]
#[case::one_success_and_no_failure((1, 0), &["s1", "f1"])]
#[case::nothing_is_kept((0, 0), &["s1", "s2", "f1"])]
#[case::the_largest_limits((2_147_483_647, 2_147_483_647), &[])]
fn each_group_has_its_limit(#[case] limits: (i64, i64), #[case] expected: &[&str]) {
    let children = [
        Child::test("f1").over(Failure).started_at("2016-05-19T01:00:00Z"),
        Child::test("s2").over(Success).started_at("2016-05-19T03:00:00Z"),
        Child::test("runs").started_at("2016-05-19T00:00:00Z"),
        Child::test("s1").over(Success).started_at("2016-05-19T02:00:00Z"),
    ];
    assert_eq!(chosen((Some(limits.0), Some(limits.1)), &children), expected);
}

#[rstest]
#[case::of_successes((None, Some(0)), &["f1"])]
#[case::of_failures((Some(0), None), &["s1"])]
#[case::of_both((None, None), &[])]
fn no_limit_keeps_the_group(#[case] limits: (Option<i64>, Option<i64>), #[case] expected: &[&str]) {
    let children = [Child::test("s1").over(Success), Child::test("f1").over(Failure)];
    assert_eq!(chosen(limits, &children), expected);
}

/// The rows of `TestByJobStartTime` in `pkg/controller/cronjob/utils_test.go` of Kubernetes v1.36.3.
#[rstest]
#[case::both_without_a_start_time(("b", ""), ("a", ""), &["a", "b"])]
#[case::the_first_without(("a", ""), ("b", "2016-05-19T10:00:00Z"), &["b", "a"])]
#[case::the_second_without(("a", "2016-05-19T10:00:00Z"), ("b", ""), &["a", "b"])]
#[case::equal(("b", "2016-05-19T10:00:00Z"), ("a", "2016-05-19T10:00:00Z"), &["a", "b"])]
#[case::different(("a", "2016-05-19T11:00:00Z"), ("b", "2016-05-19T10:00:00Z"), &["b", "a"])]
fn the_first_started_goes_first(
    #[case] first: (&'static str, &str),
    #[case] second: (&'static str, &str),
    #[case] expected: &[&str],
) {
    let children = [first, second].map(|(name, started)| Child {
        started: started.parse().ok(),
        ..Child::test(name).over(Success)
    });
    assert_eq!(chosen((Some(0), Some(0)), &children), expected);
}

#[test]
fn a_terminating_job_counts_and_is_not_chosen() {
    let mut children = successes(&["a", "b", "c"]);
    children[0].terminating = true;
    assert_eq!(chosen((Some(1), Some(1)), &children), ["b"]);
    assert_eq!(chosen((Some(2), Some(1)), &children), [""; 0]);
}

#[test]
fn a_held_job_neither_counts_nor_goes() {
    let mut children = successes(&["a", "b", "c"]);
    children[0].held = true;
    assert_eq!(chosen((Some(1), Some(1)), &children), ["b"]);
    assert_eq!(chosen((Some(0), Some(1)), &children), ["b", "c"]);
}

#[test]
fn a_job_of_another_uid_neither_counts_nor_goes() {
    let mut children = successes(&["a", "b", "c"]);
    children[0].ours = false;
    assert_eq!(chosen((Some(1), Some(1)), &children), ["b"]);
    assert_eq!(chosen((Some(0), Some(1)), &children), ["b", "c"]);
}

/// Neither suspension nor deletion of the `CronJob`, nor a schedule that is none, keeps a Job.
#[test]
fn the_cronjob_itself_does_not_matter() {
    let cronjob = CronJob {
        suspended: true,
        terminating: true,
        schedule: "never",
        time_zone: Some("Europe/Bielefeld"),
        successful_limit: Some(0),
        ..CronJob::test()
    };
    assert_eq!(beyond_limits(&cronjob, &successes(&["a"])).len(), 1);
}
