//! Points 12 to 15: families, what is only filled, unknown namespaces, names.

use curfew::policy::decide::Verdict;
use serde_json::json;

use super::case::{Case, DEV, child, cronjob, job, merge, policy};

#[test]
fn a_child_is_judged_by_its_family() {
    let policy = policy(
        "rules:\n  - name: by-name\n    match: {names: [daily]}\n    ttl: 2d\n  - name: prod\n    match: {labels: {environment: production}}\n    ttl: 1d\n",
    );
    let parent = Case::create(&policy, cronjob(&json!({}))).decide().after;
    let inherited = child(&json!({
        "metadata": {
            "labels": {"environment": "production"},
            "annotations": parent["spec"]["jobTemplate"]["metadata"]["annotations"],
        },
        "spec": {"ttlSecondsAfterFinished": 172_800},
    }));
    let mut case = Case::create(&policy, inherited);
    case.cronjob = Some(parent);
    let outcome = case.decide();
    assert!(!outcome.changed);
    assert_eq!(outcome.ttl_by, "by-name");
}

#[test]
fn a_child_of_an_unknown_cronjob_keeps_what_it_inherited() {
    let policy = policy("limits: {ttl: {max: 1m}}\ndefaults: {ttl: 10s}\n");
    let outcome = Case::create(
        &policy,
        child(&json!({
            "metadata": {"annotations": {"curfew.dev/hold-until": "2026-12-01T00:00:00Z"}},
            "spec": {"ttlSecondsAfterFinished": 3600},
        })),
    )
    .decide();
    assert_eq!(outcome.verdict, Verdict::UnknownCronJob);
    assert!(!outcome.changed);
}

#[test]
fn a_child_of_an_unknown_cronjob_keeps_its_record() {
    let policy = policy("defaults: {ttl: 10s}\n");
    let inherited = child(&json!({
        "metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[3600,null,"etl"]}"#}},
        "spec": {"ttlSecondsAfterFinished": 3600},
    }));
    let bare = child(&json!({"spec": {"ttlSecondsAfterFinished": 3600}}));
    let outcome = Case::update(&policy, inherited, bare).decide();
    assert_eq!(outcome.verdict, Verdict::UnknownCronJob);
    assert_eq!(outcome.record(), Some(r#"{"ttl":[3600,null,"etl"]}"#));
}

#[test]
fn kinds_divide_families_from_lone_jobs() {
    let policy = policy(
        "rules:\n  - name: families\n    match: {kinds: [CronJob]}\n    ttl: unset\n  - name: alone\n    match: {kinds: [Job]}\n    ttl: 1h\n",
    );
    assert_eq!(Case::create(&policy, job(&json!({}))).decide().ttl(), Some(3600));
    assert_eq!(Case::create(&policy, cronjob(&json!({}))).decide().ttl(), None);
    let mut case = Case::create(&policy, child(&json!({})));
    case.cronjob = Some(cronjob(&json!({})));
    assert_eq!(case.decide().ttl(), None);
}

#[test]
fn our_own_annotation_does_not_hide_the_pod_templates_labels() {
    let policy = policy(DEV);
    let object = cronjob(&json!({"spec": {"jobTemplate": {
        "metadata": {"labels": {"curfew.dev/x": "y"}},
        "spec": {"template": {"metadata": {"labels": {"environment": "dev"}}}},
    }}}));
    assert_eq!(Case::create(&policy, object).decide().ttl(), Some(300));
}

#[test]
fn time_zone_and_deadlines_are_filled_at_create_only() {
    let policy =
        policy("defaults: {timeZone: Europe/Berlin, deadlines: {active: 1h, starting: 5m}}\n");
    let born = Case::create(&policy, cronjob(&json!({}))).decide();
    let spec = &born.after["spec"];
    assert_eq!(spec["timeZone"], "Europe/Berlin");
    assert_eq!(spec["startingDeadlineSeconds"], 300);
    assert_eq!(spec["jobTemplate"]["spec"]["activeDeadlineSeconds"], 3600);
    assert!(!Case::create(&policy, born.after.clone()).decide().changed, "reinvocation");
    let none = super::case::policy("mode: Enforce\n");
    let mut touched = born.after.clone();
    merge(&mut touched, &json!({"metadata": {"labels": {"a": "b"}}}));
    assert!(!Case::update(&none, born.after, touched).decide().changed, "what runs is not moved");
    let mut labelled = cronjob(&json!({}));
    merge(&mut labelled, &json!({"metadata": {"labels": {"a": "b"}}}));
    assert!(!Case::update(&policy, cronjob(&json!({})), labelled).decide().changed);
}

#[test]
fn no_time_zone_beside_one_in_the_schedule() {
    let policy = policy("defaults: {timeZone: Europe/Berlin}\n");
    let object = cronjob(&json!({"spec": {"schedule": "TZ=UTC 0 2 * * *"}}));
    assert!(!Case::create(&policy, object).decide().changed);
}

#[test]
fn unknown_namespace_labels_give_no_ttl() {
    let policy = policy(
        "rules:\n  - name: team\n    match: {namespaceSelector: {matchLabels: {team: a}}}\n    ttl: 1h\n",
    );
    let mut case = Case::create(&policy, job(&json!({})));
    assert_eq!(case.decide().verdict, Verdict::UnknownNamespace);
    case.namespace_labels = Some(vec![("team", "a")]);
    assert_eq!(case.decide().ttl(), Some(3600));
    case.namespace_labels = Some(vec![("team", "b")]);
    assert_eq!(case.decide().ttl(), None);
}

#[test]
fn an_earlier_rule_makes_an_unknown_namespace_irrelevant() {
    let policy = policy(
        "rules:\n  - name: first\n    match: {namespaces: [apps]}\n    ttl: 1m\n  - name: team\n    match: {namespaceSelector: {matchLabels: {team: a}}}\n    ttl: 1h\n",
    );
    assert_eq!(Case::create(&policy, job(&json!({}))).decide().ttl(), Some(60));
}

#[test]
fn a_generated_name_is_matched_by_its_prefix() {
    let policy =
        policy("rules:\n  - name: batch\n    match: {names: [\"batch-*\"]}\n    ttl: 1h\n");
    let object = job(&json!({"metadata": {"name": null, "generateName": "batch-"}}));
    assert_eq!(Case::create(&policy, object.clone()).decide().ttl(), Some(3600));
    let mut stored = object;
    stored["metadata"]["name"] = "batch-x7k2p".into();
    assert_eq!(Case::stored(&policy, stored).decide().ttl(), Some(3600));
}
