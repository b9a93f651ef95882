//! What the author of a `CronJob` meant, where the API server fills 3 and 1 before anybody asks.
//!
//! The policy wants 5 and 2 wherever the author said nothing, and each test is one way of saying
//! something, or nothing.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    manifest::cron_job,
    scene::{Scene, history, record, template_record, ttl},
};

#[test]
fn a_plain_create_without_limits_is_filled() {
    let Some(scene) = Scene::new("plain", POLICY) else { return };
    let stored = scene.space.create(&cron_job("plain", json!({}))).ok();
    assert_eq!(history(&stored), (5, 2));
    assert_eq!(
        record(&stored),
        json!({"history.failed": [2, null, "keep"], "history.successful": [5, null, "keep"]})
    );
    assert_eq!(ttl(&stored), 3600);
    assert_eq!(template_record(&stored), json!({"ttl": [3600, null, "keep"]}));
}

/// By value alone the two cannot be told apart.
#[test]
fn a_plain_create_with_the_api_defaults_counts_as_unset() {
    let Some(scene) = Scene::new("defaults", POLICY) else { return };
    let stored = scene.space.create(&cron_job("defaults", limits(3, 1))).ok();
    assert_eq!(history(&stored), (5, 2));
}

#[rstest]
#[case::both(7, 4)]
#[case::zero(0, 0)]
fn a_plain_create_with_other_limits_is_kept(#[case] successful: i64, #[case] failed: i64) {
    let Some(scene) = Scene::new("other", POLICY) else { return };
    let stored = scene.space.create(&cron_job("other", limits(successful, failed))).ok();
    assert_eq!(history(&stored), (successful, failed));
    assert_eq!(record(&stored), json!(null));
}

#[test]
fn one_limit_of_the_author_is_kept_beside_one_of_ours() {
    let Some(scene) = Scene::new("one", POLICY) else { return };
    let overlay = json!({"spec": {"successfulJobsHistoryLimit": 8}});
    let stored = scene.space.create(&cron_job("one", overlay)).ok();
    assert_eq!(history(&stored), (8, 2));
    assert_eq!(record(&stored), json!({"history.failed": [2, null, "keep"]}));
}

#[test]
fn client_side_apply_proves_an_explicit_default() {
    let Some(scene) = Scene::new("csa", POLICY) else { return };
    let manifest = cron_job("explicit", limits(3, 1)).to_string();
    for _ in 0..2 {
        scene.space.kubectl.ok_with(&["apply", "-f", "-"], &manifest);
        let stored = scene.space.cron_job("explicit");
        assert_eq!(history(&stored), (3, 1));
        assert_eq!(record(&stored), json!(null));
    }
    scene.space.kubectl.ok_with(&["diff", "-f", "-"], &manifest);
}

#[test]
fn client_side_apply_without_limits_is_filled_and_does_not_drift() {
    let Some(scene) = Scene::new("csa-unset", POLICY) else { return };
    let manifest = cron_job("unset", json!({})).to_string();
    scene.space.kubectl.ok_with(&["apply", "-f", "-"], &manifest);
    assert_eq!(history(&scene.space.cron_job("unset")), (5, 2));
    let said = scene.space.kubectl.ok_with(&["apply", "-f", "-"], &manifest);
    assert!(said.stdout.contains("unchanged"), "{}", said.stdout);
    scene.space.kubectl.ok_with(&["diff", "-f", "-"], &manifest);
    assert_eq!(history(&scene.space.cron_job("unset")), (5, 2));
}

#[test]
fn server_side_apply_proves_an_explicit_default() {
    let Some(scene) = Scene::new("ssa", POLICY) else { return };
    let path = scene.space.path("cronjobs/explicit");
    for _ in 0..2 {
        let body = cron_job("explicit", limits(3, 1));
        let stored = scene.plane.api.patch(Patch::Apply("gitops"), &path, &body).ok();
        assert_eq!(history(&stored), (3, 1));
        assert_eq!(record(&stored), json!(null));
    }
}

#[test]
fn server_side_apply_without_limits_is_filled() {
    let Some(scene) = Scene::new("ssa-unset", POLICY) else { return };
    let path = scene.space.path("cronjobs/unset");
    for _ in 0..2 {
        let body = cron_job("unset", json!({}));
        let stored = scene.plane.api.patch(Patch::Apply("gitops"), &path, &body).ok();
        assert_eq!(history(&stored), (5, 2));
    }
}

/// Whoever tracks it would see a drift for ever: unknown counts as the author's.
#[test]
fn a_tracked_cron_job_keeps_what_may_be_the_authors() {
    let Some(scene) = Scene::new("tracked", POLICY) else { return };
    let labels = json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}}});
    let stored = scene.space.create(&cron_job("tracked", labels.clone())).ok();
    assert_eq!(history(&stored), (3, 1));
    // Its TTL is absent, which is no value of the author's.
    assert_eq!(ttl(&stored), 3600);
    let mut beyond = cron_job("beyond", labels);
    json_patch::merge(&mut beyond, &limits(50, 20));
    let reply = scene.space.create(&beyond);
    assert_eq!(history(&reply.ok()), (50, 20));
}

#[test]
fn beyond_the_limit_is_lowered_with_a_warning() {
    let Some(scene) = Scene::new("beyond", POLICY) else { return };
    let reply = scene.space.create(&cron_job("beyond", limits(50, 4)));
    assert!(!reply.warnings.is_empty(), "no warning");
    let stored = reply.ok();
    assert_eq!(history(&stored), (10, 4));
    assert_eq!(record(&stored)["history.successful"][1], 50);
}

/// What we wrote was changed to the API's default: that is a decision, and it is remembered.
#[test]
fn edited_back_to_the_default() {
    let Some(scene) = Scene::new("edited", POLICY) else { return };
    scene.space.create(&cron_job("edited", json!({}))).ok();
    let stored = scene.space.patch_cron_job("edited", &limits(3, 1)).ok();
    assert_eq!(history(&stored), (3, 1));
    for value in ["once", "twice"] {
        let stored = scene.space.touch_cron_job("edited", value);
        assert_eq!(history(&stored), (3, 1), "touched {value}");
        let expected =
            json!({"history.failed": [1, 1, "author"], "history.successful": [3, 3, "author"]});
        assert_eq!(record(&stored), expected);
    }
}

#[test]
fn edited_to_another_value() {
    let Some(scene) = Scene::new("edited-other", POLICY) else { return };
    scene.space.create(&cron_job("edited", json!({}))).ok();
    let stored = scene.space.patch_cron_job("edited", &limits(7, 2)).ok();
    assert_eq!(history(&stored), (7, 2));
    assert_eq!(history(&scene.space.touch_cron_job("edited", "again")), (7, 2));
}

/// Filled again where an edit takes them out: absence is no statement the API server can store.
#[test]
fn removed_limits_are_filled_again() {
    let Some(scene) = Scene::new("removed", POLICY) else { return };
    scene.space.create(&cron_job("removed", limits(7, 4))).ok();
    let patch = json!({"spec": {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": null}}}});
    let stored = scene.space.patch_cron_job("removed", &patch).ok();
    assert_eq!(ttl(&stored), 3600);
    assert_eq!(history(&stored), (7, 4));
}

#[test]
fn a_rule_that_enforces_replaces_what_the_author_wrote() {
    let Some(scene) = Scene::new("enforced", POLICY) else { return };
    let mut body = cron_job("enforced", limits(7, 4));
    json_patch::merge(&mut body, &json!({"metadata": {"labels": {"strict": "yes"}}}));
    let reply = scene.space.create(&body);
    assert!(!reply.warnings.is_empty(), "no warning");
    let stored = reply.ok();
    assert_eq!(history(&stored), (1, 1));
    assert_eq!(
        record(&stored),
        json!({"history.failed": [1, 4, "strict"], "history.successful": [1, 7, "strict"]})
    );
}

fn limits(successful: i64, failed: i64) -> Value {
    json!({"spec": {
        "successfulJobsHistoryLimit": successful,
        "failedJobsHistoryLimit": failed,
    }})
}

const POLICY: &str = r#"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  limits:
    history: {max: 10}
  rules:
    - name: strict
      match: {labels: {strict: "yes"}}
      history: {successful: 1, failed: 1}
      enforce: true
    - name: keep
      match: {kinds: [CronJob]}
      ttl: 1h
      history: {successful: 5, failed: 2}
"#;
