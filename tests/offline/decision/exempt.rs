//! Points 1 to 3: mode, what is never considered, exemptions.

use curfew::policy::decide::Verdict;
use serde_json::json;

use super::case::{Case, NOW, child, cronjob, job, policy};

#[test]
fn off_does_nothing_not_even_take_back() {
    let policy = policy("mode: Off\ndefaults: {ttl: 1h}\n");
    let record = r#"{"ttl":[300,null,"dev"]}"#;
    let ours = job(&json!({
        "metadata": {"annotations": {"curfew.dev/applied": record}},
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy, ours).decide();
    assert_eq!(outcome.verdict, Verdict::Off);
    assert!(!outcome.changed);
}

#[test]
fn a_rule_switches_off_what_the_top_does() {
    let policy = policy(
        "rules:\n  - name: quiet\n    match: {namespaces: [apps]}\n    mode: Off\ndefaults: {ttl: 1h}\n",
    );
    assert_eq!(Case::create(&policy, job(&json!({}))).decide().verdict, Verdict::Off);
    assert_eq!(Case::create(&policy, job(&json!({}))).namespace("b").decide().ttl(), Some(3600));
}

#[rstest::rstest]
#[case::kube_system("kube-system")]
#[case::kube_public("kube-public")]
#[case::kube_node_lease("kube-node-lease")]
#[case::our_own("curfew")]
fn these_namespaces_are_never_considered(#[case] namespace: &str) {
    let policy = policy("defaults: {ttl: 1h}\n");
    let outcome = Case::create(&policy, job(&json!({}))).namespace(namespace).decide();
    assert!(matches!(outcome.verdict, Verdict::NeverConsidered(_)));
    assert!(!outcome.changed);
}

#[test]
fn what_is_being_deleted_is_never_considered() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let going = job(&json!({"metadata": {"deletionTimestamp": NOW}}));
    let outcome = Case::update(&policy, job(&json!({})), going).decide();
    assert!(!outcome.changed);
}

#[test]
fn an_exemption_takes_back_what_is_ours() {
    let policy = policy("exempt: {namespaces: [\"app*\"]}\ndefaults: {ttl: 1h}\n");
    let ours = |original: &str| {
        let record = format!(r#"{{"ttl":[300,{original},"dev"]}}"#);
        job(&json!({
            "metadata": {"annotations": {"curfew.dev/applied": record, "other": "stays"}},
            "spec": {"ttlSecondsAfterFinished": 300},
        }))
    };
    let absent = Case::create(&policy, ours("null")).decide();
    assert_eq!((absent.ttl(), absent.record()), (None, None));
    assert_eq!(absent.after["metadata"]["annotations"]["other"], "stays");
    let written = Case::create(&policy, ours("86400")).decide();
    assert_eq!((written.ttl(), written.record()), (Some(86400), None));
}

#[test]
fn a_child_of_an_exempt_cronjob_is_exempt() {
    let policy = policy(
        "exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}\ndefaults: {ttl: 1h}\n",
    );
    let mut case = Case::create(&policy, child(&json!({})));
    case.cronjob = Some(cronjob(&json!({"metadata": {"labels": {"cleanup-policy": "keep"}}})));
    let outcome = case.decide();
    assert_eq!(outcome.verdict, Verdict::Exempt("exempt.selectors[0]".to_owned()));
    assert!(!outcome.changed);
}
