//! History: absence is invisible.

use serde_json::{Value as Json, json};

use super::case::{Case, child, cronjob, merge, policy};

const FIVE: &str = "defaults: {history: {successful: 5, failed: 2}}\n";

#[test]
fn the_api_default_counts_as_unset() {
    let outcome = Case::create(&policy(FIVE), cronjob(&json!({}))).decide();
    assert_eq!(outcome.history(), (Some(5), Some(2)));
    assert_eq!(
        outcome.record(),
        Some(r#"{"history.failed":[2,null,"defaults"],"history.successful":[5,null,"defaults"]}"#)
    );
    // Turned off again, the defaults of the API are back.
    let off = Case::create(&policy("mode: Enforce\n"), outcome.after).decide();
    assert_eq!((off.history(), off.record()), ((None, None), None));
}

#[rstest::rstest]
#[case::another_value(json!({"spec": {"successfulJobsHistoryLimit": 7, "failedJobsHistoryLimit": 7}}), (7, 7))]
#[case::last_applied(json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"successfulJobsHistoryLimit":3,"failedJobsHistoryLimit":1}}"#}}}), (3, 1))]
#[case::apply_entry(json!({"metadata": {"managedFields": [{"manager": "me", "operation": "Apply", "fieldsV1":
    {"f:spec": {"f:successfulJobsHistoryLimit": {}, "f:failedJobsHistoryLimit": {}}}}]}}), (3, 1))]
#[case::update_entry_shows_nothing(json!({"metadata": {"managedFields": [{"manager": "me", "operation": "Update",
    "fieldsV1": {"f:spec": {"f:successfulJobsHistoryLimit": {}, "f:failedJobsHistoryLimit": {}}}}]}}), (5, 2))]
#[case::tracked(json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}}}), (3, 1))]
#[case::changed_from_ours(json!({"metadata": {"annotations": {"curfew.dev/applied":
    r#"{"history.failed":[2,null,"defaults"],"history.successful":[5,null,"defaults"]}"#}}}), (3, 1))]
#[case::one_of_them(json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"failedJobsHistoryLimit":1}}"#}}}), (5, 1))]
fn a_default_that_was_meant_stays(#[case] fields: Json, #[case] expected: (i64, i64)) {
    let outcome = Case::create(&policy(FIVE), cronjob(&fields)).decide();
    assert_eq!(outcome.history(), (Some(expected.0), Some(expected.1)));
    let again = Case::create(&policy(FIVE), outcome.after).decide();
    assert!(!again.changed, "{again:?}");
}

#[test]
fn edited_back_to_the_default_is_remembered() {
    let policy = policy(FIVE);
    let filled = Case::create(&policy, cronjob(&json!({}))).decide().after;
    let mut edited = filled.clone();
    edited["spec"]["successfulJobsHistoryLimit"] = 3.into();
    let outcome = Case::update(&policy, filled, edited).decide();
    assert_eq!(outcome.history(), (Some(3), Some(2)));
    assert_eq!(
        outcome.record(),
        Some(r#"{"history.failed":[2,null,"defaults"],"history.successful":[3,3,"author"]}"#)
    );
    let mut touched = outcome.after.clone();
    merge(&mut touched, &json!({"metadata": {"labels": {"touched": "yes"}}}));
    assert!(!Case::update(&policy, outcome.after, touched).decide().changed);
}

/// A rule enforced something else and is gone: what the manifest shows needs no entry beside it.
#[rstest::rstest]
#[case::last_applied(json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"successfulJobsHistoryLimit":3,"failedJobsHistoryLimit":1}}"#}}))]
#[case::apply_entry(json!({"managedFields": [{"manager": "me", "operation": "Apply", "fieldsV1":
    {"f:spec": {"f:successfulJobsHistoryLimit": {}, "f:failedJobsHistoryLimit": {}}}}]}))]
fn a_default_that_comes_back_and_is_shown_leaves_no_entry(#[case] metadata: Json) {
    let strict = policy(
        "rules: [{name: strict, match: {names: ['*']}, history: {successful: 1, failed: 0}, enforce: true}]\n",
    );
    let fields = json!({
        "metadata": metadata,
        "spec": {"successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1},
    });
    let enforced = Case::create(&strict, cronjob(&fields)).decide();
    assert_eq!(enforced.history(), (Some(1), Some(0)));
    let back = Case::create(&policy(FIVE), enforced.after).decide();
    assert_eq!((back.history(), back.record()), ((Some(3), Some(1)), None));
    assert!(!Case::create(&policy(FIVE), back.after).decide().changed);
}

#[test]
fn replaced_by_a_manifest_without_limits_is_filled_again() {
    let policy = policy(FIVE);
    let filled = Case::create(&policy, cronjob(&json!({}))).decide().after;
    let outcome = Case::update(&policy, filled, cronjob(&json!({}))).decide();
    assert_eq!(outcome.history(), (Some(5), Some(2)));
}

#[test]
fn an_unset_history_beyond_the_limit_is_lowered() {
    let policy = policy("limits: {history: {max: 2}}\n");
    let outcome = Case::create(&policy, cronjob(&json!({}))).decide();
    assert_eq!(outcome.history(), (Some(2), Some(1)));
    assert_eq!(outcome.record(), Some(r#"{"history.successful":[2,null,"limits"]}"#));
    assert!(outcome.warnings.is_empty(), "the author wrote nothing");
    let big = cronjob(&json!({"spec": {"successfulJobsHistoryLimit": 50}}));
    assert_eq!(Case::create(&policy, big).decide().warnings.len(), 1);
}

#[test]
fn nothing_that_git_holds_is_rewritten() {
    let policy = policy(
        "limits: {ttl: {max: 1h}, history: {max: 2}}\nrules:\n  - name: hard\n    match: {kinds: [CronJob]}\n    ttl: 5m\n    history: {successful: 1}\n    enforce: true\n",
    );
    let tracked = cronjob(&json!({
        "metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}},
        "spec": {"successfulJobsHistoryLimit": 50,
            "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 86400}}},
    }));
    assert!(!Case::create(&policy, tracked.clone()).decide().changed);
    // Its Jobs are judged when they are created.
    let mut case =
        Case::create(&policy, child(&json!({"spec": {"ttlSecondsAfterFinished": 86400}})));
    case.cronjob = Some(tracked);
    assert_eq!(case.decide().ttl(), Some(300));
    // What it left open is filled.
    let open = cronjob(&json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}}}));
    assert_eq!(Case::create(&policy, open).decide().ttl(), Some(300));
}
