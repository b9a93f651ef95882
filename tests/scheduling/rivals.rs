//! Whether somebody else starts `CronJob`s. The API server says when a Job was created, so these
//! play at the present.

use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::plane;
use crate::support::manifest::Finish;
use crate::support::scheduling::{Scheduling, job_name, second};
use crate::support::wait::eventually;

/// `kubectl replace --force` deletes a Job and creates it anew, with the annotation and the owner:
/// that is nobody's start.
#[test]
fn a_job_that_is_made_again_is_no_rival() {
    let Some(plane) = plane() else { return };
    let (scene, slot) = begun(plane);
    let name = job_name("one", slot);
    scene.finish(&name, Finish::Complete);
    scene.wait_until_written("one", slot, 0);
    let job = scene.space.job(&name);
    plane.api.delete(&scene.space.path(&format!("jobs/{name}"))).ok();
    again(&scene, &name, &job);
    scene.wait_for_event("one", "UnexpectedJob");
    assert!(owns(&scene));
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.wait_until_written("one", next, 1);
}

/// Two that start everything would make each start twice sooner or later.
#[test]
fn whoever_makes_a_start_is_a_rival() {
    let Some(plane) = plane() else { return };
    let (scene, slot) = begun(plane);
    let job = scene.space.job(&job_name("one", slot));
    let next = slot + 1.minute();
    let mut start = job;
    let key = "batch.kubernetes.io/cronjob-scheduled-timestamp";
    start["metadata"]["annotations"][key] = json!(second(next));
    again(&scene, &job_name("one", next), &start);
    eventually("it gives up", Duration::from_secs(60), || (!owns(&scene)).then_some(()));
    let later = slot + 2.minutes();
    scene.put_clock(later);
    scene.still(&[job_name("one", slot), job_name("one", next)]);
}

/// One that was started just now, and when that was due.
fn begun(plane: &'static crate::support::control_plane::ControlPlane) -> (Scheduling, Timestamp) {
    let scene = Scheduling::own(plane, "rival", clock::now());
    let minute = clock::now().as_second() / 60 * 60;
    let slot = Timestamp::from_second(minute).expect("it is now");
    // No start comes by itself while this goes on.
    scene.put_clock(slot + 1.second());
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    // The API server's times are whole seconds, cut off.
    let began = clock::now();
    eventually("a second has passed", Duration::from_secs(3), || {
        (clock::now() > began + 1.second()).then_some(())
    });
    (scene, slot)
}

/// Creates a Job as somebody else's manifest has it.
fn again(scene: &Scheduling, name: &str, job: &Value) {
    let metadata = &job["metadata"];
    let anew = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "annotations": metadata["annotations"],
            "ownerReferences": metadata["ownerReferences"],
        },
        "spec": scene.space.cron_job("one")["spec"]["jobTemplate"]["spec"],
    });
    scene.space.create(&anew).ok();
}

fn owns(scene: &Scheduling) -> bool {
    scene.metrics.text().lines().any(|line| line.ends_with("scheduler_owning 1"))
}
