//! Point 4: guards.

use curfew::policy::decide::Verdict;
use serde_json::{Value as Json, json};

use super::case::{Case, job, policy};

#[rstest::rstest]
#[case::foreign_controller(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "train", "uid": "u", "controller": true}
]}}))]
#[case::helm_hook(json!({"metadata": {"annotations": {"helm.sh/hook": "pre-upgrade"}}}))]
#[case::argo_hook(json!({"metadata": {"annotations": {"argocd.argoproj.io/hook": "Sync"}}}))]
#[case::argo_tracked(json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "a:batch/Job:x/y"}}}))]
#[case::flux_tracked(json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}}))]
#[case::field_manager(json!({"metadata": {"managedFields": [{"manager": "Terraform", "operation": "Apply"}]}}))]
#[case::field_manager_with_suffix(json!({"metadata": {"managedFields": [{"manager": "pulumi-kubernetes-1a2b", "operation": "Apply"}]}}))]
fn a_guard_leaves_the_object_alone(#[case] fields: Json) {
    let policy = policy("defaults: {ttl: 1h}\n");
    let outcome = Case::create(&policy, job(&fields)).decide();
    assert_eq!(outcome.verdict, Verdict::Guarded);
    assert!(!outcome.changed);
}

#[rstest::rstest]
#[case::owner_that_does_not_control(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"}]}}))]
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
        "labels": {"app.kubernetes.io/instance": "a"}, "annotations": {"helm.sh/hook": "test"},
    }}));
    assert_eq!(Case::create(&policy, both).decide().verdict, Verdict::Guarded);
}

#[test]
fn an_allowed_owner_does_not_guard() {
    let policy = policy("guards: {allowOwners: [example.test/Run]}\ndefaults: {ttl: 1h}\n");
    let owned = job(&json!({"metadata": {"ownerReferences": [
        {"apiVersion": "example.test/v1", "kind": "Run", "name": "r", "uid": "u", "controller": true}]}}));
    assert_eq!(Case::create(&policy, owned).decide().ttl(), Some(3600));
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
