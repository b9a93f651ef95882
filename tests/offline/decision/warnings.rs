//! Warnings: short, with the reason, and to the one who set them off.

use serde_json::json;

use super::case::{Case, cronjob, job, merge, policy};

#[test]
fn an_update_that_sets_off_an_enforcing_rule_is_told() {
    let policy = policy(
        "limits: {ttl: {max: 2d}}\nrules:\n  - name: hard\n    match: {labels: {hard: \"yes\"}}\n    ttl: 15m\n    enforce: true\n",
    );
    let update = |ttl: i64, label: &str| {
        let before = job(&json!({"spec": {"ttlSecondsAfterFinished": ttl}}));
        let mut after = before.clone();
        merge(&mut after, &json!({"metadata": {"labels": {"hard": label}}}));
        Case::update(&policy, before, after).decide()
    };
    let enforced = update(86_400, "yes");
    assert_eq!((enforced.ttl(), enforced.warnings.len()), (Some(900), 1));
    // A clamp is told to whoever brings the value, and to nobody else.
    let clamped = update(604_800, "no");
    assert_eq!((clamped.ttl(), clamped.warnings.len()), (Some(172_800), 0));
}

#[test]
fn warnings_are_short_and_carry_the_reason() {
    let policy = super::case::policy(
        "rules:\n  - name: a-very-long-name-for-a-rule-of-a-team-that-likes-long-names-x\n    match: {namespaces: [apps]}\n    ttl: 5m\n    enforce: true\n    reason: see https://example.test/tickets/PLATFORM-12345 for why and whom to ask\n",
    );
    let outcome =
        Case::create(&policy, job(&json!({"spec": {"ttlSecondsAfterFinished": 1}}))).decide();
    assert!(outcome.warnings.iter().any(|warning| warning.contains("PLATFORM-12345")));
    let long =
        cronjob(&json!({"spec": {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": i32::MAX}},
        "successfulJobsHistoryLimit": i32::MAX}}));
    let enforced = super::case::policy(&format!(
        "rules:\n  - name: {}\n    match: {{kinds: [CronJob]}}\n    ttl: 2147483646\n    history: {{successful: 2147483646}}\n    enforce: true\n",
        "x".repeat(63)
    ));
    let longest = Case::create(&enforced, long).decide().warnings;
    assert_eq!(longest.len(), 2);
    for warning in outcome.warnings.into_iter().chain(longest) {
        assert!(warning.is_ascii() && warning.len() <= 120, "{} bytes: {warning}", warning.len());
    }
}
