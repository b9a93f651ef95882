//! Point 4: guards.

use curfew::policy::decide::Verdict;
use serde_json::{Value as Json, json};

use super::case::{Case, cronjob, job, policy};

#[rstest::rstest]
#[case::foreign_controller(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "train", "uid": "u", "controller": true}
]}}))]
#[case::helm_hook(json!({"metadata": {"annotations": {"helm.sh/hook": "pre-upgrade"}}}))]
#[case::argo_hook(json!({"metadata": {"annotations": {"argocd.argoproj.io/hook": "Sync"}}}))]
#[case::argo_tracked(json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "a:batch/Job:x/y"}}}))]
#[case::flux_tracked(json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}}))]
#[case::field_manager(json!({"metadata": {"managedFields": [{"manager": "Terraform", "operation": "Apply"}]}}))]
#[case::owner_that_does_not_control(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "tower.ansible.com/v1alpha1", "kind": "AnsibleJob", "name": "nightly", "uid": "u"}]}}))]
#[case::owner_that_says_so(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u", "controller": false}]}}))]
#[case::one_owner_of_two(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "example.test/v1", "kind": "Run", "name": "a", "uid": "u", "controller": true},
    {"apiVersion": "batch/v1", "kind": "Job", "name": "b", "uid": "v"}]}}))]
#[case::a_cronjob_of_another_group(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "example.test/v1", "kind": "CronJob", "name": "c", "uid": "u"}]}}))]
#[case::manager_for_each_object(json!({"metadata": {"managedFields": [{"manager": "provider-kubernetes/run-once", "operation": "Apply"}]}}))]
#[case::instance_of_an_applied_object(json!({"metadata": {
    "labels": {"app.kubernetes.io/instance": "shop"},
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": ""}}}))]
#[case::instance_beside_a_manager(json!({"metadata": {
    "labels": {"app.kubernetes.io/instance": "shop"},
    "managedFields": [{"manager": "argocd-controller", "operation": "Apply"}]}}))]
#[case::field_manager_with_suffix(json!({"metadata": {"managedFields": [{"manager": "pulumi-kubernetes-1a2b", "operation": "Apply"}]}}))]
fn a_guard_leaves_the_object_alone(#[case] fields: Json) {
    let policy = policy("defaults: {ttl: 1h}\n");
    let outcome = Case::create(&policy, job(&fields)).decide();
    assert_eq!(outcome.verdict, Verdict::Guarded);
    assert!(!outcome.changed);
}

#[rstest::rstest]
#[case::instance_alone(json!({"metadata": {"labels": {"app.kubernetes.io/instance": "shop"}}}))]
#[case::instance_beside_any_manager(json!({"metadata": {
    "labels": {"app.kubernetes.io/instance": "shop"},
    "managedFields": [{"manager": "dagster", "operation": "Update"}]}}))]
#[case::applied_by_hand(json!({"metadata": {
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}}))]
#[case::longer_manager(json!({"metadata": {"managedFields": [{"manager": "HashiCorporation", "operation": "Update"}]}}))]
#[case::unlike_manager(json!({"metadata": {"managedFields": [{"manager": "helmet", "operation": "Update"}]}}))]
fn what_is_no_mark_does_not_guard(#[case] fields: Json) {
    let policy = policy("defaults: {ttl: 1h}\n");
    assert_eq!(Case::create(&policy, job(&fields)).decide().ttl(), Some(3600));
}

#[test]
fn a_rule_applies_the_policy_to_what_flux_deploys() {
    let policy = policy(
        "rules:\n  - name: flux\n    match: {namespaces: [apps]}\n    guards: {gitOpsTracked: Apply}\ndefaults: {ttl: 1h}\n",
    );
    let tracked = job(&json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}}));
    assert_eq!(Case::create(&policy, tracked.clone()).decide().ttl(), Some(3600));
    assert_eq!(Case::create(&policy, tracked).namespace("b").decide().ttl(), None);
}

#[test]
fn the_strictest_guard_wins() {
    let policy = policy("guards: {gitOpsTracked: Apply, deployHooks: Skip}\ndefaults: {ttl: 1h}\n");
    let both = job(&json!({"metadata": {
        "labels": {"argocd.argoproj.io/instance": "a"}, "annotations": {"helm.sh/hook": "test"},
    }}));
    assert_eq!(Case::create(&policy, both).decide().verdict, Verdict::Guarded);
}

#[rstest::rstest]
#[case::of_a_group("example.test/Run", "example.test/v1", "Run")]
#[case::of_the_core_group("core/ConfigMap", "v1", "ConfigMap")]
fn an_allowed_owner_does_not_guard(
    #[case] allowed: &str,
    #[case] version: &str,
    #[case] kind: &str,
    #[values(None, Some(false), Some(true))] controller: Option<bool>,
) {
    let policy = policy(&format!("guards: {{allowOwners: [{allowed}]}}\ndefaults: {{ttl: 1h}}\n"));
    let owned = |extra: Json| {
        let owner = json!({"apiVersion": version, "kind": kind, "name": "r", "uid": "u",
            "controller": controller});
        let owners: Vec<Json> = [owner, extra].into_iter().filter(Json::is_object).collect();
        job(&json!({"metadata": {"ownerReferences": owners}}))
    };
    assert_eq!(Case::create(&policy, owned(Json::Null)).decide().ttl(), Some(3600));
    // It lets itself through, and nobody else.
    let other = json!({"apiVersion": "example.test/v1", "kind": "Other", "name": "o", "uid": "v"});
    assert_eq!(Case::create(&policy, owned(other)).decide().verdict, Verdict::Guarded);
}

#[test]
fn the_own_list_of_a_policy_takes_the_instance_at_its_word() {
    let policy = policy(
        "guards: {gitOpsMarks: {labels: [app.kubernetes.io/instance]}}\ndefaults: {ttl: 1h}\n",
    );
    let labelled = job(&json!({"metadata": {"labels": {"app.kubernetes.io/instance": "shop"}}}));
    assert_eq!(Case::create(&policy, labelled).decide().verdict, Verdict::Guarded);
}

#[rstest::rstest]
#[case::by_a_guard(
    job(&json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "a"}}})),
    &["gitOpsTracked: label argocd.argoproj.io/instance keeps rule hard, which enforces ttl 15m, from it"]
)]
#[case::by_two(
    job(&json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "a"},
        "annotations": {"helm.sh/hook": "test"}}})),
    &["deployHooks: annotation helm.sh/hook keeps rule hard, which enforces ttl 15m, from it"]
)]
#[case::as_it_is_already(
    job(&json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "a"}},
        "spec": {"ttlSecondsAfterFinished": 900}})),
    &[]
)]
#[case::a_tracked_cronjob(
    cronjob(&json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "a"}},
        "spec": {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 86_400}}}})),
    &["gitOpsTracked: label argocd.argoproj.io/instance keeps rule hard, which enforces ttl 15m, from it",
      "gitOpsTracked: label argocd.argoproj.io/instance keeps rule hard, which enforces history.successful 1, from it"]
)]
#[case::nothing_keeps_it(job(&json!({"spec": {"ttlSecondsAfterFinished": 86_400}})), &[])]
fn what_a_guard_keeps_from_an_object_is_told(#[case] object: Json, #[case] expected: &[&str]) {
    let policy = policy(
        "rules:\n  - {name: hard, match: {namespaces: [apps]}, ttl: 15m, history: {successful: 1}, \
         enforce: true}\n",
    );
    assert_eq!(Case::create(&policy, object).decide().withheld, expected);
}

#[rstest::rstest]
#[case::lifts_the_policys(None, Some(600), 0)]
#[case::lifts_the_authors(Some(30), Some(600), 1)]
#[case::leaves_a_longer_one(Some(900), Some(900), 0)]
fn the_floor_beats_every_limit(
    #[case] ttl: Option<i64>,
    #[case] expected: Option<i64>,
    #[case] warnings: usize,
) {
    let policy = policy(
        "guards: {deployHooks: Floor}\nlimits: {ttl: {max: 15m}}\nrules:\n  - name: tight\n    match: {namespaces: [apps]}\n    limits: {ttl: {max: 1m}}\n  - name: all\n    match: {namespaces: [apps, b]}\n    ttl: 5s\n",
    );
    let hook = job(&json!({
        "metadata": {"annotations": {"helm.sh/hook": "test"}}, "spec": {"ttlSecondsAfterFinished": ttl},
    }));
    let outcome = Case::create(&policy, hook).decide();
    let expected = if ttl == Some(900) { Some(600) } else { expected };
    let warnings = if ttl == Some(900) { 1 } else { warnings };
    assert_eq!(outcome.ttl(), expected);
    assert_eq!(outcome.warnings.len(), warnings, "{:?}", outcome.warnings);
}

#[test]
fn the_floor_adds_no_ttl() {
    let policy = policy("guards: {deployHooks: Floor}\n");
    let hook = job(&json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}}));
    assert!(!Case::create(&policy, hook).decide().changed);
}

#[test]
fn a_dangerous_hook_is_left_with_a_warning() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let hook = job(&json!({
        "metadata": {"annotations": {"helm.sh/hook": "test"}}, "spec": {"ttlSecondsAfterFinished": 0},
    }));
    let outcome = Case::create(&policy, hook).decide();
    assert!(!outcome.changed);
    assert_eq!(outcome.warnings.len(), 1);
}
