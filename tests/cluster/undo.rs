//! A bad rule can be undone: edit the policy, touch the objects, and the authors have back what
//! they wrote.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    manifest::{cron_job, job},
    scene::{Scene, history, record, template_record, ttl},
    wait::eventually,
};

#[test]
fn the_authors_values_come_back() {
    let Some(scene) = Scene::new("undo", BAD) else { return };
    let space = &scene.space;
    space.create(&job("none", json!({}))).ok();
    space.create(&job("some", json!({"spec": {"ttlSecondsAfterFinished": 86_400}}))).ok();
    space.create(&cron_job("none", json!({}))).ok();
    let written = json!({"spec": {
        "successfulJobsHistoryLimit": 9,
        "failedJobsHistoryLimit": 8,
        "jobTemplate": {
            "metadata": {"annotations": {"their": "own"}},
            "spec": {"ttlSecondsAfterFinished": 86_400},
        },
    }});
    space.create(&cron_job("some", written)).ok();
    for name in ["none", "some"] {
        assert_eq!(ttl(&space.job(name)), 60);
        let stored = space.cron_job(name);
        assert_eq!((ttl(&stored), history(&stored)), (&json!(60), (0, 0)));
    }

    scene.curfew.set_policy(&[("policy.yaml", GOOD)]);
    wait_for_the_good_policy(&scene);
    // Nothing changes by itself; the next update of each does it.
    assert_eq!(ttl(&space.job("none")), 60);
    for name in ["none", "some"] {
        space.touch_job(name, "undo");
        space.touch_cron_job(name, "undo");
    }
    assert_eq!(restored_job(&space.job("none")), (json!(null), json!(null)));
    assert_eq!(restored_job(&space.job("some")), (json!(86_400), json!(null)));
    let none = space.cron_job("none");
    assert_eq!((ttl(&none), history(&none)), (&json!(null), (3, 1)));
    let some = space.cron_job("some");
    assert_eq!((ttl(&some), history(&some)), (&json!(86_400), (9, 8)));
    assert_eq!(some["spec"]["jobTemplate"]["metadata"]["annotations"], json!({"their": "own"}));
    for object in [&none, &some] {
        assert_eq!((record(object), template_record(object)), (json!(null), json!(null)));
    }
}

/// A policy that cannot be read never replaces one that can.
#[test]
fn a_broken_edit_changes_nothing() {
    let Some(scene) = Scene::new("broken", GOOD_WITH_TTL) else { return };
    scene.curfew.set_policy(&[("policy.yaml", "apiVersion: curfew.dev/v1alpha1\nkind: [")]);
    eventually("the failed reload is told", Duration::from_secs(20), || {
        let (_, metrics) = scene.curfew.admin("/metrics")?;
        metrics.contains("curfew_policy_last_reload_successful 0").then_some(())
    });
    assert_eq!(ttl(&scene.space.create(&job("one", json!({}))).ok()), 7200);
    scene.curfew.set_policy(&[("policy.yaml", GOOD)]);
    wait_for_the_good_policy(&scene);
}

fn restored_job(job: &Value) -> (Value, Value) {
    (ttl(job).clone(), record(job))
}

/// Under the good policy a Job gets nothing.
fn wait_for_the_good_policy(scene: &Scene) {
    eventually("the edited policy is in force", Duration::from_secs(20), || {
        let probe = scene.space.dry_run(&job("probe", json!({}))).ok();
        ttl(&probe).is_null().then_some(())
    });
}

const BAD: &str = r#"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  rules:
    - name: typo
      match: {namespaces: ["*"]}
      ttl: 60s
      history: {successful: 0, failed: 0}
      enforce: true
"#;

const GOOD: &str = r#"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  rules:
    - name: typo
      match: {namespaces: ["another-namespace"]}
      ttl: 60s
"#;

const GOOD_WITH_TTL: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  defaults:
    ttl: 2h
";
