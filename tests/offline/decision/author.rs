//! Points 5 to 8: rules, defaults, the author, limits.

use serde_json::{Value as Json, json};

use super::case::{Case, DEV, cronjob, dev, job, merge, policy};

#[test]
fn the_first_rule_that_mentions_a_setting_supplies_it() {
    let policy = policy(
        "rules:\n  - name: history-only\n    match: {namespaces: [apps]}\n    history: {successful: 5}\n  - name: first\n    match: {namespaces: [apps]}\n    ttl: 10s\n  - name: second\n    match: {namespaces: [apps]}\n    ttl: 20s\n",
    );
    let outcome = Case::create(&policy, job(&json!({}))).decide();
    assert_eq!((outcome.ttl(), outcome.ttl_by.as_str()), (Some(10), "first"));
}

#[test]
fn what_is_filled_is_recorded() {
    let policy = policy(DEV);
    let outcome = Case::create(&policy, dev()).decide();
    assert_eq!(outcome.record(), Some(r#"{"ttl":[300,null,"dev"]}"#));
}

#[test]
fn unset_leaves_without_on_purpose() {
    let policy = policy(
        "rules:\n  - name: free\n    match: {namespaces: [apps]}\n    ttl: unset\ndefaults: {ttl: 1h}\n",
    );
    assert!(!Case::create(&policy, job(&json!({}))).decide().changed);
}

#[rstest::rstest]
#[case::stays("", 86400, 86400, None, 0)]
#[case::enforced("    enforce: true\n", 86400, 300, Some(r#"{"ttl":[300,86400,"dev"]}"#), 1)]
#[case::enforced_but_equal("    enforce: true\n", 300, 300, None, 0)]
#[case::left_for_the_api("    enforce: true\n", -5, -5, None, 0)]
#[case::beyond_int32("    enforce: true\n", 1 << 40, 1 << 40, None, 0)]
fn what_an_author_wrote(
    #[case] enforce: &str,
    #[case] wrote: i64,
    #[case] expected: i64,
    #[case] record: Option<&str>,
    #[case] warnings: usize,
) {
    let policy = policy(&format!("{DEV}{enforce}"));
    let mut object = dev();
    object["spec"]["ttlSecondsAfterFinished"] = wrote.into();
    let outcome = Case::create(&policy, object).decide();
    assert_eq!(outcome.ttl(), Some(expected));
    assert_eq!(outcome.record(), record);
    assert_eq!(outcome.warnings.len(), warnings);
}

#[rstest::rstest]
#[case::above(2_592_000, 604_800, 1)]
#[case::below(10, 60, 1)]
#[case::within(3600, 3600, 0)]
fn limits_clamp_the_author(#[case] wrote: i64, #[case] expected: i64, #[case] warnings: usize) {
    let policy = policy("limits: {ttl: {min: 60s, max: 7d}}\n");
    let object = job(&json!({"spec": {"ttlSecondsAfterFinished": wrote}}));
    let outcome = Case::create(&policy, object.clone()).decide();
    assert_eq!(outcome.ttl(), Some(expected));
    assert_eq!(outcome.warnings.len(), warnings);
    // The same answer again, and no second warning.
    let again = Case::create(&policy, outcome.after).decide();
    assert!(!again.changed);
    assert!(again.warnings.is_empty());
    // Without the limit the author's value is back.
    let lifted = Case::create(&super::case::policy("mode: Enforce\n"), again.after).decide();
    assert_eq!((lifted.ttl(), lifted.record()), (Some(wrote), None));
}

#[test]
fn limits_clamp_the_policy_without_a_warning() {
    let policy = policy(&format!(
        "{DEV}  - name: long\n    match: {{namespaces: [apps]}}\n    limits: {{ttl: {{min: 10m}}}}\n"
    ));
    let outcome = Case::create(&policy, dev()).decide();
    assert_eq!(outcome.record(), Some(r#"{"ttl":[600,null,"dev"]}"#));
    assert!(outcome.warnings.is_empty());
}

#[test]
fn where_limits_cross_min_wins() {
    let policy = policy(
        "limits: {ttl: {max: 1m}}\nrules:\n  - name: long\n    match: {namespaces: [apps]}\n    limits: {ttl: {min: 10m}}\n",
    );
    let object = job(&json!({"spec": {"ttlSecondsAfterFinished": 5}}));
    assert_eq!(Case::create(&policy, object).decide().ttl(), Some(600));
}

#[test]
fn last_applied_shows_that_the_author_wrote_our_value() {
    let last = json!({"spec": {"ttlSecondsAfterFinished": 300}}).to_string();
    let object = job(&json!({
        "metadata": {"annotations": {
            "curfew.dev/applied": r#"{"ttl":[300,null,"dev"]}"#,
            "kubectl.kubernetes.io/last-applied-configuration": last,
        }},
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy("defaults: {ttl: 1h}\n"), object).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (Some(300), None));
}

#[test]
fn an_apply_entry_shows_that_the_author_wrote_our_value() {
    let object = job(&json!({
        "metadata": {
            "annotations": {"curfew.dev/applied": r#"{"ttl":[300,null,"dev"]}"#},
            "managedFields": [{"manager": "me", "operation": "Apply",
                "fieldsV1": {"f:spec": {"f:ttlSecondsAfterFinished": {}}}}],
        },
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy("defaults: {ttl: 1h}\n"), object).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (Some(300), None));
}

#[rstest::rstest]
#[case::not_json("forged")]
#[case::original_that_the_api_refuses(r#"{"ttl":[300,-5,"dev"]}"#)]
#[case::original_of_another_type(r#"{"ttl":[300,"soon","dev"]}"#)]
fn a_forged_record_is_void(#[case] record: &str) {
    let object = job(&json!({
        "metadata": {"annotations": {"curfew.dev/applied": record}},
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy("mode: Enforce\n"), object).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (Some(300), None));
}

/// What brings a value to just what `kubectl apply` remembers leaves no entry: the next call would
/// take the value for the author's, and the entry away.
#[rstest::rstest]
#[case::a_limit("limits: {ttl: {max: 1h}}\n", job(&json!({"spec": {"ttlSecondsAfterFinished": 7200}})),
    json!({"ttlSecondsAfterFinished": 3600}))]
#[case::enforce("rules:\n  - {name: hard, match: {kinds: [Job]}, ttl: 1h, enforce: true}\n",
    job(&json!({"spec": {"ttlSecondsAfterFinished": 7200}})), json!({"ttlSecondsAfterFinished": 3600}))]
#[case::a_default_that_was_removed("defaults: {ttl: 1h}\n", job(&json!({})),
    json!({"ttlSecondsAfterFinished": 3600}))]
#[case::the_floor_of_a_guard("guards: {deployHooks: Floor, floor: 1h}\n",
    job(&json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}, "spec": {"ttlSecondsAfterFinished": 60}})),
    json!({"ttlSecondsAfterFinished": 3600}))]
#[case::a_hold("limits: {hold: 1h}\n",
    job(&json!({"metadata": {"annotations": {"curfew.dev/hold-until": "2027-01-01T00:00:00Z"}},
        "spec": {"ttlSecondsAfterFinished": 60}})),
    json!({"ttlSecondsAfterFinished": 3600}))]
#[case::an_owner_that_is_stale("defaults: {ttl: 1h}\n",
    job(&json!({"metadata": {"managedFields": [{"manager": "me", "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:ttlSecondsAfterFinished": {}}}}]}})), json!({}))]
#[case::history("limits: {history: {max: 2}}\n",
    cronjob(&json!({"spec": {"successfulJobsHistoryLimit": 5}})), json!({"successfulJobsHistoryLimit": 2}))]
#[case::history_to_its_default("limits: {history: {max: 3}}\n",
    cronjob(&json!({"spec": {"successfulJobsHistoryLimit": 5}})), json!({"successfulJobsHistoryLimit": 3}))]
#[case::a_template("limits: {ttl: {max: 1h}}\n",
    cronjob(&json!({"spec": {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 7200}}}})),
    json!({"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 3600}}}))]
fn a_value_brought_to_what_was_applied_leaves_no_entry(
    #[case] spec: &str,
    #[case] mut sent: Json,
    #[case] remembered: Json,
    #[values(true, false)] creates: bool,
) {
    let policy = policy(spec);
    let manifest = json!({"spec": remembered}).to_string();
    let key = "kubectl.kubernetes.io/last-applied-configuration";
    merge(&mut sent, &json!({"metadata": {"annotations": {key: manifest}}}));
    let mut old = sent.clone();
    merge(&mut old, &json!({"metadata": {"labels": {"before": "x"}}}));
    let decide = |object: Json| {
        let case = if creates {
            Case::create(&policy, object)
        } else {
            Case::update(&policy, old.clone(), object)
        };
        case.decide()
    };
    let once = decide(sent);
    assert!(
        once.changed && once.record().is_none() && once.template_record().is_none(),
        "{once:?}"
    );
    let again = decide(once.after.clone());
    assert!(!again.changed, "{again:?}");
}
