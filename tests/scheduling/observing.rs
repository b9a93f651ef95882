//! `Observe`: how starts are going that nobody makes, as the metrics tell it.

use std::time::Duration;

use curfew::batch::edits::{self, InForce};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::plane;
use crate::support::api::Patch;
use crate::support::manifest::cron_job;
use crate::support::scheduling::{Scheduling, alone, some_minute};
use crate::support::wait::eventually;

const OBSERVE: &str = "{mode: Observe, grace: 1s, clusterTimeZone: UTC}";

/// Between two rounds are twenty seconds of the scene's clock, which is put.
const LIMIT: Duration = Duration::from_secs(60);

fn number(scene: &Scheduling, series: &str) -> Option<f64> {
    let text = scene.metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(series).map(str::to_owned))?;
    line.trim().parse().ok()
}

#[track_caller]
fn wait_for_state(scene: &Scheduling, state: &str) {
    let series = format!("curfew_cronjobs{{state=\"{state}\"}}");
    eventually(&format!("it is {state}: {}", scene.metrics.text()), LIMIT, || {
        number(scene, &series).filter(|count| *count > 0.5).map(|_| ())
    });
}

fn missed(scene: &Scheduling, reason: &str) -> f64 {
    let series = format!("curfew_scheduler_missed_total{{reason=\"{reason}\"}}");
    number(scene, &series).unwrap_or_default()
}

/// Waits until the scheduler has surely heard of what was written a moment ago.
fn hear() {
    std::thread::sleep(Duration::from_secs(2));
}

/// Two months of minutes are no missed starts of a schedule that has just begun.
#[test]
fn an_edit_makes_nothing_missed() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::start(plane, "edited", OBSERVE, false, slot + 5.seconds());
    let yearly = json!({"schedule": "0 0 29 2 *"});
    scene.create("one", &yearly, Some(slot - (60 * 24).hours()));
    hear();
    scene.put_clock(slot + 30.seconds());
    wait_for_state(&scene, "fine");
    scene.change("one", &json!({"schedule": "* * * * *"}));
    hear();
    scene.put_clock(slot + 2.minutes() + 20.seconds());
    wait_for_state(&scene, "missed");
    assert!((missed(&scene, "not-started") - 2.0).abs() < 0.5, "{}", scene.metrics.text());
    // A suspension that ends is an edit as well.
    scene.change("one", &json!({"suspend": true}));
    hear();
    scene.put_clock(slot + 30.minutes() + 20.seconds());
    wait_for_state(&scene, "suspended");
    scene.change("one", &json!({"suspend": false}));
    hear();
    scene.put_clock(slot + 31.minutes() + 20.seconds());
    wait_for_state(&scene, "missed");
    assert!((missed(&scene, "not-started") - 3.0).abs() < 0.5, "{}", scene.metrics.text());
}

fn reference(scene: &Scheduling, name: &str, uid: &Value) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "namespace": scene.space.name, "name": name,
        "uid": uid,
    })
}

/// What a status lists and is gone holds nothing back; what is there does.
#[test]
fn a_stale_entry_is_no_reason() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::start(plane, "stale", OBSERVE, false, slot + 5.seconds());
    let forbid = json!({"schedule": "* * * * *", "concurrencyPolicy": "Forbid"});
    scene.create("one", &forbid, Some(slot));
    let gone = reference(&scene, "one-1", &json!("d1f4c7a0-0000-4000-8000-000000000000"));
    scene.set_status("one", &json!({"active": [gone]}));
    hear();
    scene.put_clock(slot + 1.minute() + 20.seconds());
    wait_for_state(&scene, "missed");
    assert!(missed(&scene, "forbid") < 0.5, "{}", scene.metrics.text());
    let job = scene.child("one", "one-2", json!({"spec": {"managedBy": "example.test/nobody"}}));
    let there = reference(&scene, "one-2", &job["metadata"]["uid"]);
    scene.set_status("one", &json!({"active": [there]}));
    hear();
    scene.put_clock(slot + 2.minutes() + 20.seconds());
    wait_for_state(&scene, "held-back");
}

/// Nothing starts before a last start that lies ahead, and it is told.
#[test]
fn a_last_start_ahead_is_told() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::start(plane, "ahead", OBSERVE, false, slot + 5.seconds());
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot + (30 * 24).hours()));
    hear();
    scene.put_clock(slot + 2.minutes());
    wait_for_state(&scene, "last-start-ahead");
    assert!(missed(&scene, "not-started") < 0.5, "{}", scene.metrics.text());
}

/// What an API server writes down of edits, and what not.
#[test]
fn the_object_tells_of_its_edits() {
    let Some(plane) = plane() else { return };
    let _alone = alone();
    let space = plane.namespace("edits");
    let spec = json!({"schedule": "0 0 29 2 *", "timeZone": "Asia/Tokyo", "suspend": true});
    space.create(&cron_job("one", json!({"spec": spec}))).ok();
    let in_force =
        || -> Option<Timestamp> { edits::stored(&space.cron_job("one")).map(InForce::latest) };
    let created = in_force().expect("it was not edited");
    // Times have whole seconds.
    let second = || std::thread::sleep(Duration::from_millis(1100));
    let patch = |manager: &str, subresource: &str, body: Value| {
        second();
        let path = space.path(&format!("cronjobs/one{subresource}?fieldManager={manager}"));
        plane.api.patch(Patch::Merge, &path, &body).ok();
        in_force().expect("somebody owns the schedule")
    };
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(patch("labeller", "", label), created);
    let status = json!({"status": {"lastScheduleTime": "2026-11-01T00:00:00Z"}});
    assert_eq!(patch("controller", "/status", status), created);
    let edited = patch("editor", "", json!({"spec": {"schedule": "0 0 29 2 1"}}));
    assert!(edited > created);
    let image = json!({"spec": {"jobTemplate": {"spec": {"backoffLimit": 1}}}});
    assert_eq!(patch("builder", "", image), edited);
    let resumed = patch("resumer", "", json!({"spec": {"suspend": false}}));
    assert!(resumed > edited);
    // A defaulted field that is removed has another value afterwards.
    let suspended = patch("suspender", "", json!({"spec": {"suspend": true}}));
    let reset = patch("remover", "", json!({"spec": {"suspend": null}}));
    assert!(reset > suspended && suspended > resumed);
    // One without a default leaves no trace, as docs/cronjobs.md says.
    assert_eq!(patch("remover", "", json!({"spec": {"timeZone": null}})), reset);
    let applied = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "one"},
        "spec": {"schedule": "0 0 29 2 2", "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}},
    });
    second();
    let object = space.path("cronjobs/one");
    plane.api.patch(Patch::Apply("applier&force=true"), &object, &applied).ok();
    assert!(in_force().expect("it was applied") > reset);
    plane.api.delete(&space.path("cronjobs"));
}
