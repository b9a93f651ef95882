//! Fields of ours belong to nobody: appliers do not see them as drift, nor as their own.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    control_plane,
    manifest::{cron_job, job, merged},
    scene::{Scene, record, template_record, ttl},
    wait::eventually,
};

/// Of a Job, the second apply is the one to compare with: the first after a CREATE writes a new
/// version by itself, with no webhook anywhere (seen on 1.36.3).
#[test]
fn a_second_apply_of_a_job_stores_nothing() {
    let Some(scene) = Scene::new("ssa-job", POLICY) else { return };
    let path = scene.space.path("jobs/applied");
    let apply =
        || scene.plane.api.patch(Patch::Apply("gitops"), &path, &job("applied", json!({}))).ok();
    let (_, second, third) = (apply(), apply(), apply());
    assert_eq!(ttl(&third), 3600);
    assert_eq!(version(&second), version(&third));
    assert!(!owned(&third, "gitops").contains("ttlSecondsAfterFinished"));
    assert!(!owned(&third, "gitops").contains("curfew.dev"));
}

#[test]
fn a_second_apply_of_a_cron_job_stores_nothing() {
    let Some(scene) = Scene::new("ssa-cron", POLICY) else { return };
    let path = scene.space.path("cronjobs/applied");
    let apply = || {
        scene.plane.api.patch(Patch::Apply("gitops"), &path, &cron_job("applied", json!({}))).ok()
    };
    let (first, second) = (apply(), apply());
    assert_eq!(ttl(&second), 3600);
    assert_eq!(version(&first), version(&second));
    let owned = owned(&second, "gitops");
    for ours in ["ttlSecondsAfterFinished", "HistoryLimit", "curfew.dev"] {
        assert!(!owned.contains(ours), "{ours} in {owned}");
    }
}

/// The applier says less than before and more than before: only what it says changes.
#[test]
fn an_apply_of_something_else_leaves_ours_alone() {
    let Some(scene) = Scene::new("ssa-more", POLICY) else { return };
    let path = scene.space.path("cronjobs/applied");
    let apply = |overlay: Value| {
        scene.plane.api.patch(Patch::Apply("gitops"), &path, &cron_job("applied", overlay)).ok()
    };
    let first = apply(json!({}));
    let second = apply(json!({"spec": {"suspend": true, "startingDeadlineSeconds": 100}}));
    assert_eq!((ttl(&second), second["spec"]["suspend"].as_bool()), (&json!(3600), Some(true)));
    assert_eq!(record(&second), record(&first));
    assert_eq!(template_record(&second), template_record(&first));
    // Now it wants the field for itself, and gets it without a conflict.
    let third = apply(json!({"spec": {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 99}}}}));
    assert_eq!(ttl(&third), 99);
    assert!(owned(&third, "gitops").contains("ttlSecondsAfterFinished"));
    assert_eq!(template_record(&third), json!(null));
}

/// The Job is made by the built-in `CronJob` controller.
#[test]
fn children_carry_the_ttl_and_the_record_of_the_template() {
    let Some(plane) = control_plane::staffed() else { return };
    let scene = Scene::on(plane, "children", POLICY);
    let body = cron_job("often", json!({"metadata": {"labels": {"environment": "dev"}}}));
    // In the past a minute ago there was a slot, so the controller starts one at once.
    let every_minute = json!({"spec": {"schedule": "* * * * *"}});
    let cron_job = scene.space.create(&merged(body, every_minute)).ok();
    assert_eq!(ttl(&cron_job), 300);
    let child = eventually("the CronJob controller starts a Job", Duration::from_secs(75), || {
        scene.space.jobs().into_iter().next()
    });
    assert_eq!(ttl(&child), 300);
    assert_eq!(record(&child), json!({"ttl": [300, null, "dev"]}));
    assert_eq!(record(&child), template_record(&cron_job));
    assert_eq!(child["metadata"]["ownerReferences"][0]["kind"], "CronJob");
}

fn version(object: &Value) -> &Value {
    &object["metadata"]["resourceVersion"]
}

/// The fields of a manager, as the text that stands in `managedFields`.
fn owned(object: &Value, manager: &str) -> String {
    let entries = object["metadata"]["managedFields"].as_array().expect("managers");
    let entry = entries.iter().find(|entry| entry["manager"] == manager).expect("it applied");
    entry["fieldsV1"].to_string()
}

const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  rules:
    - name: dev
      match: {labels: {environment: dev}}
      ttl: 5m
  defaults:
    ttl: 1h
    history: {successful: 5, failed: 2}
";
