//! Point 10: holds.

use serde_json::{Value as Json, json};

use super::case::{Case, finished, job, merge, policy};

fn held(until: &str, ttl: Option<i64>) -> Json {
    job(&json!({
        "metadata": {"annotations": {"curfew.dev/hold-until": until}},
        "spec": {"ttlSecondsAfterFinished": ttl},
    }))
}

#[rstest::rstest]
#[case::near("2026-11-22T00:00:00Z")]
#[case::far("2036-11-22T00:00:00Z")]
#[case::past("2016-11-22T00:00:00Z")]
fn a_hold_on_an_unfinished_job_raises_whatever_its_date(#[case] until: &str) {
    let policy = policy("limits: {hold: 2d, ttl: {max: 1h}}\n");
    let outcome = Case::create(&policy, held(until, Some(600))).decide();
    assert_eq!(outcome.ttl(), Some(172_800));
    assert_eq!(outcome.record(), Some(r#"{"ttl":[172800,600,"hold"]}"#));
    // Released, the author's value is back.
    let mut released = outcome.after.clone();
    merge(&mut released, &json!({"metadata": {"annotations": {"curfew.dev/hold-until": null}}}));
    let back = Case::update(&policy, outcome.after, released).decide();
    assert_eq!((back.ttl(), back.record()), (Some(600), None));
}

#[test]
fn a_hold_that_raises_nothing_writes_nothing() {
    let policy = policy("limits: {hold: 2d}\n");
    assert!(!Case::create(&policy, held("2026-12-01T00:00:00Z", None)).decide().changed);
    assert!(!Case::create(&policy, held("2026-12-01T00:00:00Z", Some(900_000))).decide().changed);
}

#[test]
fn a_hold_goes_past_guards() {
    let policy = policy("limits: {hold: 2d}\n");
    let mut object = held("2026-12-01T00:00:00Z", Some(600));
    merge(&mut object, &json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}}));
    assert_eq!(Case::create(&policy, object).decide().ttl(), Some(172_800));
}

#[test]
fn a_reinvocation_repeats_no_warning_about_a_hold() {
    let policy = policy("mode: Enforce\n");
    let born = Case::create(&policy, held("next week", Some(600))).decide();
    assert_eq!(born.warnings.len(), 2, "the date, and the TTL that it raised");
    assert!(Case::create(&policy, born.after).decide().warnings.is_empty());
}

#[test]
fn a_hold_that_does_not_parse_keeps_as_long_as_may_be_and_says_so() {
    let outcome = Case::create(&policy("mode: Enforce\n"), held("next week", Some(600))).decide();
    assert_eq!(outcome.ttl(), Some(604_800));
    assert!(outcome.warnings.iter().any(|w| w.contains("RFC 3339")), "{:?}", outcome.warnings);
}

#[rstest::rstest]
// Finished 2026-11-13: nine days until the 22nd, and limits.hold is seven.
#[case::longer_than_allowed("2026-11-22T00:00:00Z", 604_800)]
#[case::exact("2026-11-16T00:00:00Z", 259_200)]
#[case::half_a_second_is_rounded_up("2026-11-16T00:00:00.5Z", 259_201)]
#[case::shorter_than_the_ttl("2026-11-13T00:01:00Z", 600)]
fn a_hold_on_a_finished_job_gives_the_exact_value(#[case] until: &str, #[case] expected: i64) {
    let policy = policy("mode: Enforce\n");
    let before = finished("Complete", job(&json!({"spec": {"ttlSecondsAfterFinished": 600}})));
    let after = finished("Complete", held(until, Some(600)));
    assert_eq!(Case::update(&policy, before, after).decide().ttl(), Some(expected));
}
