//! The API server bounds the annotations of an object together. Where the record does not fit beside
//! them nothing is written, by nobody, and the API server takes the object as before.

use serde_json::{Value, json};

use crate::support::{
    audit, control_plane,
    manifest::{Finish, cron_job, days_ago, job, merged},
    scene::{Scene, record, ttl},
    sweeping::{LIMIT, Sweeping, finished_job},
    wait::eventually,
};

/// `TotalAnnotationSizeLimitB`.
const MOST: usize = 262_144;

fn annotations(bytes: usize) -> Value {
    json!({"annotations": {"a": "x".repeat(bytes - 1)}})
}

#[test]
fn admission_lets_pass_what_it_has_no_room_in() {
    let Some(scene) = Scene::new("room", POLICY) else { return };
    // The API server does have that bound: without a webhook one byte more is too much.
    let over = scene.space.create(&job("over", json!({"metadata": annotations(MOST + 1)})));
    assert_eq!(over.status, 422, "{}", over.body);
    let full = scene.space.create(&job("full", json!({"metadata": annotations(MOST)})));
    let warnings = full.warnings.clone();
    assert!(warnings.iter().any(|text| text.starts_with("left as it is: ")), "{warnings:?}");
    let told = scene.plane.audit.annotations(&full);
    assert_eq!(audit::calls(&told, &scene.registration.name), [false], "{told}");
    let stored = full.ok();
    assert_eq!((ttl(&stored), record(&stored)), (&Value::Null, Value::Null));
    assert!(scene.curfew.metric_with("curfew_admission_requests_total", "no-room") >= 1.0);

    // With just enough room the record fills it to the last byte.
    let key_and_text = "curfew.dev/applied".len() + r#"{"ttl":[3600,null,"defaults"]}"#.len();
    let fits = annotations(MOST - key_and_text);
    let stored = scene.space.create(&job("fits", json!({"metadata": fits}))).ok();
    assert_eq!(ttl(&stored), 3600);

    // The template of a CronJob: a Job made of it has one annotation more.
    for (name, bytes, expected) in
        [("wide", MOST - 75, Value::Null), ("narrow", MOST - key_and_text - 72, json!(3600))]
    {
        let template = json!({"spec": {"jobTemplate": {"metadata": annotations(bytes)}}});
        let stored = scene.space.create(&cron_job(name, template)).ok();
        assert_eq!(ttl(&stored), &expected, "{name}");
        let mut born = stored["spec"]["jobTemplate"]["metadata"]["annotations"].clone();
        born["batch.kubernetes.io/cronjob-scheduled-timestamp"] =
            "2026-11-19T11:00:00+05:30".into();
        let child = job(&format!("{name}-1"), json!({"metadata": {"annotations": born}}));
        scene.space.create(&child).ok();
    }
}

#[test]
fn the_sweeper_does_not_try_again_and_again() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("room-stored");
    for (name, bytes) in [("full", MOST), ("fits", 1000)] {
        let overlay = json!({"metadata": annotations(bytes)});
        finished_job(&space, name, Finish::Complete, days_ago(1), overlay.clone());
        let cron = merged(overlay, json!({"spec": {"suspend": true}}));
        space.create(&cron_job(name, cron)).ok();
    }
    let sweeping = Sweeping::over(space, "{ttl: 3d, history: {successful: 7}, stored: Patch}");
    let called = || sweeping.called("patch");
    eventually("what has room is written", LIMIT, || (called().len() == 2).then_some(()));
    let passes = sweeping.passes();
    // The policy is read anew, which looks at everything once more.
    sweeping.set_rule("{ttl: 3d, history: {successful: 7}, stored: Patch, reason: again}");
    eventually("everything is looked at", LIMIT, || (sweeping.passes() > passes).then_some(()));
    assert_eq!(called(), ["fits", "fits"]);
    assert_eq!(ttl(&sweeping.space.job("full")), &Value::Null);
    assert!(sweeping.curfew.metric_with("curfew_stored_jobs", "no-room") >= 1.0);

    // A deletion writes nothing.
    sweeping.set_rule("{ttl: 1h, stored: Delete}");
    eventually("it is deleted", LIMIT, || sweeping.space.find_job("full").is_none().then_some(()));
}

const POLICY: &str = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: test}
spec:
  defaults: {ttl: 1h}
";
