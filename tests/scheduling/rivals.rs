//! Whether somebody else starts `CronJob`s. The API server says when a Job was created, so these
//! play at the present.

use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use rstest::rstest;
use serde_json::{Value, json};

use crate::plane;
use crate::support::api::Patch;
use crate::support::manifest::{Finish, cron_job};
use crate::support::namespace::Namespace;
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

/// Two that start everything would make each start twice sooner or later. Here is one namespace.
#[test]
fn whoever_makes_a_start_is_a_rival() {
    let Some(plane) = plane() else { return };
    let (scene, slot) = begun(plane);
    // Those that tests before have left.
    let all = plane.api.get("/apis/batch/v1/cronjobs").ok();
    for metadata in all["items"].as_array().into_iter().flatten().map(|one| &one["metadata"]) {
        let [namespace, name] =
            ["namespace", "name"].map(|key| metadata[key].as_str().expect("it is stored"));
        if namespace != scene.space.name {
            let path = format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}");
            plane.api.delete(&path).ok();
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let next = slot + 1.minute();
    start_for(&scene, slot, next);
    eventually("it gives up", LIMIT, || (!owns(&scene)).then_some(()));
    scene.put_clock(slot + 2.minutes());
    scene.still(&[job_name("one", slot), job_name("one", next)]);
}

/// Whoever may create Jobs in one namespace can make one that looks like a start, and what he says of
/// a `CronJob` there can be made up as well: nobody else's starts are lost.
#[rstest]
#[case::by_a_job(false)]
#[case::by_an_entry(true)]
fn a_rival_in_one_namespace_stops_no_other(#[case] by_an_entry: bool) {
    let Some(plane) = plane() else { return };
    let (scene, slot) = begun(plane);
    let next = slot + 1.minute();
    let other = plane.namespace("rival-other");
    let never = json!({"spec": {"schedule": "* * * * *", "suspend": true}});
    other.create(&cron_job("other", never)).ok();
    std::thread::sleep(Duration::from_secs(1));
    if by_an_entry {
        let entry = json!([{
            "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "batch/v1",
            "subresource": "status", "time": "2099-01-01T00:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:status": {"f:lastScheduleTime": {}}},
        }]);
        scene.space.patch_cron_job("one", &json!({"metadata": {"managedFields": entry}})).ok();
    } else {
        start_for(&scene, slot, next);
    }
    std::thread::sleep(Duration::from_secs(2));
    let path = other.path("cronjobs/other/status");
    plane
        .api
        .patch(Patch::Merge, &path, &json!({"status": {"lastScheduleTime": second(slot)}}))
        .ok();
    other.patch_cron_job("other", &json!({"spec": {"suspend": false}})).ok();
    let later = slot + 2.minutes();
    scene.put_clock(later);
    eventually("the other one is started", LIMIT, || {
        let at = second(later);
        (other.cron_job("other")["status"]["lastScheduleTime"] == at.as_str()).then_some(())
    });
    assert!(owns(&scene));
    assert_eq!(scene.space.find_job(&job_name("one", later)), None, "it is left to the rival");
    // Who starts in two namespaces starts everywhere.
    let mut start = other.job(&job_name("other", later));
    let latest = later + 1.minute();
    start["metadata"]["annotations"][SCHEDULED] = json!(second(latest));
    again_in(&other, "other", &job_name("other", latest), &start);
    eventually("it gives up", LIMIT, || (!owns(&scene)).then_some(()));
    plane.api.delete(&other.path("cronjobs/other")).ok();
}

/// Somebody else makes the Job of another start of `one`.
fn start_for(scene: &Scheduling, slot: Timestamp, next: Timestamp) {
    let mut start = scene.space.job(&job_name("one", slot));
    start["metadata"]["annotations"][SCHEDULED] = json!(second(next));
    again(scene, &job_name("one", next), &start);
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

/// Creates a Job of `one` as somebody else's manifest has it.
fn again(scene: &Scheduling, name: &str, job: &Value) {
    again_in(&scene.space, "one", name, job);
}

fn again_in(space: &Namespace<'_>, cronjob: &str, name: &str, job: &Value) {
    let metadata = &job["metadata"];
    let anew = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "annotations": metadata["annotations"],
            "ownerReferences": metadata["ownerReferences"],
        },
        "spec": space.cron_job(cronjob)["spec"]["jobTemplate"]["spec"],
    });
    space.create(&anew).ok();
}

const LIMIT: Duration = Duration::from_secs(60);

const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

fn owns(scene: &Scheduling) -> bool {
    scene.metrics.text().lines().any(|line| line.ends_with("scheduler_owning 1"))
}
