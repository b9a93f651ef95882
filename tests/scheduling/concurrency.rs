//! What a start means for the Jobs that still run.

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::plane;
use crate::support::manifest::{Finish, job};
use crate::support::scheduling::{Scheduling, job_name, second, some_minute};
use crate::support::wait::{eventually, throughout};

#[test]
fn allow_starts_beside_what_runs() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "allow", slot);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    scene.put_clock(slot + 1.minute());
    scene.wait_until_written("one", slot + 1.minute(), 2);
    scene.wait_for_jobs(&[job_name("one", slot), job_name("one", slot + 1.minute())]);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

#[test]
fn forbid_holds_a_start_back_until_the_running_job_ends() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "forbid", slot);
    forbid(&scene, slot, &json!({}));
    let (first, held) = (job_name("one", slot), slot + 1.minute());
    scene.put_clock(held);
    let note = scene.wait_for_event("one", "JobAlreadyActive");
    assert!(note.contains("concurrency policy is Forbid"), "{note}");
    let status = &scene.space.cron_job("one")["status"];
    assert_eq!(status["lastScheduleTime"], second(slot).as_str(), "it is not skipped");
    scene.still(std::slice::from_ref(&first));
    scene.finish(&first, Finish::Complete);
    scene.wait_for_jobs(&[first, job_name("one", held)]);
    scene.wait_until_written("one", held, 1);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

#[test]
fn forbid_makes_up_for_the_latest_start_only() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "forbid", slot);
    forbid(&scene, slot, &json!({}));
    let (first, latest) = (job_name("one", slot), slot + 3.minutes());
    scene.put_clock(latest);
    scene.wait_for_event("one", "JobAlreadyActive");
    scene.finish(&first, Finish::Failed);
    let both = [first, job_name("one", latest)];
    scene.wait_for_jobs(&both);
    scene.wait_until_written("one", latest, 1);
    scene.still(&both);
}

#[test]
fn forbid_lets_a_start_go_whose_deadline_is_over() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "forbid", slot);
    forbid(&scene, slot, &json!({"startingDeadlineSeconds": 20}));
    let (first, held) = (job_name("one", slot), slot + 1.minute());
    scene.put_clock(held);
    scene.wait_for_event("one", "JobAlreadyActive");
    scene.put_clock(held + 30.seconds());
    scene.finish(&first, Finish::Complete);
    scene.wait_until_written("one", slot, 0);
    scene.still(std::slice::from_ref(&first));
    let next = slot + 2.minutes();
    scene.put_clock(next);
    scene.wait_for_jobs(&[first, job_name("one", next)]);
}

/// Not only an end lets the next one go.
#[test]
fn forbid_goes_on_when_the_running_job_is_deleted() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "forbid", slot);
    forbid(&scene, slot, &json!({}));
    let held = slot + 1.minute();
    scene.put_clock(held);
    scene.wait_for_event("one", "JobAlreadyActive");
    let path = scene.space.path(&format!("jobs/{}", job_name("one", slot)));
    plane.api.delete(&path).ok();
    scene.wait_for_jobs(&[job_name("one", held)]);
    scene.wait_until_written("one", held, 1);
    scene.wait_for_event("one", "MissingJob");
}

#[test]
fn replace_ends_what_runs() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "replace", slot);
    replace(&scene, slot);
    let (first, next) = (job_name("one", slot), slot + 1.minute());
    let replaced = scene.space.job(&first);
    scene.put_clock(next);
    scene.wait_for_jobs(&[job_name("one", next)]);
    let status = scene.wait_until_written("one", next, 1);
    assert_eq!(status["active"][0]["name"], job_name("one", next).as_str());
    let deletions = eventually("the audit log has it", LIMIT, || {
        Some(scene.deletions()).filter(|deletions| !deletions.is_empty())
    });
    let [(name, options)] = &deletions[..] else { panic!("{deletions:?}") };
    assert_eq!(*name, first);
    assert_eq!(options["propagationPolicy"], "Background", "{options}");
    assert_eq!(options["preconditions"]["uid"], replaced["metadata"]["uid"]);
    let version = &replaced["metadata"]["resourceVersion"];
    assert_eq!(options["preconditions"]["resourceVersion"], *version);
    assert_eq!(scene.wait_for_event("one", "SuccessfulDelete"), format!("Deleted job {first}"));
    assert_eq!(scene.warnings("one"), [""; 0]);
}

#[test]
fn replace_goes_on_where_the_active_job_is_gone() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let mut scene = Scheduling::own(plane, "replace", slot);
    replace(&scene, slot);
    scene.end();
    plane.api.delete(&scene.space.path(&format!("jobs/{}", job_name("one", slot)))).ok();
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.run();
    scene.wait_for_jobs(&[job_name("one", next)]);
    scene.wait_until_written("one", next, 1);
    scene.wait_for_event("one", "MissingJob");
    assert_eq!(scene.warnings("one"), [""; 0]);
}

/// The status names it, but it is another one, and nobody's.
#[test]
fn replace_spares_a_job_that_only_has_the_name() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let mut scene = Scheduling::own(plane, "replace", slot);
    replace(&scene, slot);
    scene.end();
    let first = job_name("one", slot);
    plane.api.delete(&scene.space.path(&format!("jobs/{first}"))).ok();
    let foreign = scene.space.create(&job(&first, json!({}))).ok();
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.run();
    scene.wait_until_written("one", next, 1);
    let uid = &foreign["metadata"]["uid"];
    throughout("it lives", std::time::Duration::from_secs(1), || {
        scene.space.job(&first)["metadata"]["uid"] == *uid
    });
    assert_eq!(scene.deletions(), []);
}

/// Whoever may write a status can list any Job in it, and any text: no other Job ends by that, and no
/// pass breaks off.
#[test]
fn replace_ends_only_the_jobs_of_its_cronjob() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let mut scene = Scheduling::own(plane, "replace", slot);
    replace(&scene, slot);
    scene.end();
    let foreign = scene.space.create(&job("of-somebody-else", json!({}))).ok();
    let mut active = scene.space.cron_job("one")["status"]["active"].clone();
    let entry = |name: &str, uid: &Value| json!({"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid});
    active.as_array_mut().expect("a list").extend([
        entry("of-somebody-else", &foreign["metadata"]["uid"]),
        entry("of-somebody-else?propagationPolicy=Orphan", &json!("no-uid")),
        entry("../../pods/x", &json!("no-uid-either")),
    ]);
    scene.set_status("one", &json!({"active": active}));
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.run();
    let status = scene.wait_until_written("one", next, 1);
    assert_eq!(status["active"][0]["name"], job_name("one", next).as_str());
    let deletions = eventually("the audit log has it", LIMIT, || {
        Some(scene.deletions()).filter(|deletions| !deletions.is_empty())
    });
    let deleted: Vec<&String> = deletions.iter().map(|(name, _)| name).collect();
    assert_eq!(deleted, [&job_name("one", slot)]);
    scene.wait_for_event("one", "InvalidActiveJob");
    let told = scene.wait_for_event("one", "UnexpectedJob");
    assert!(told.contains("Not replacing job of-somebody-else"), "{told}");
    assert_eq!(scene.space.job("of-somebody-else")["metadata"]["uid"], foreign["metadata"]["uid"]);
}

/// The Pods of a Job may take their time: it is not deleted again, and the next one starts.
#[test]
fn replace_does_not_wait_for_what_is_being_deleted() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "replace", slot);
    replace(&scene, slot);
    let first = job_name("one", slot);
    let finalizers = |of: Value| {
        scene.space.patch_job(&first, &json!({"metadata": {"finalizers": of}})).ok();
    };
    finalizers(json!(["example.test/slow"]));
    plane.api.delete(&scene.space.path(&format!("jobs/{first}"))).ok();
    let next = slot + 1.minute();
    scene.put_clock(next);
    let status = scene.wait_until_written("one", next, 1);
    assert_eq!(status["active"][0]["name"], job_name("one", next).as_str());
    finalizers(json!(null));
    scene.wait_for_jobs(&[job_name("one", next)]);
    assert_eq!(scene.deletions(), []);
}

/// One that runs since `slot` and forbids others.
fn forbid(scene: &Scheduling, slot: jiff::Timestamp, overlay: &Value) {
    let mut spec = json!({"schedule": "* * * * *", "concurrencyPolicy": "Forbid"});
    json_patch::merge(&mut spec, overlay);
    scene.create("one", &spec, Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
}

/// One that runs since `slot` and is replaced.
fn replace(scene: &Scheduling, slot: jiff::Timestamp) {
    let spec = json!({"schedule": "* * * * *", "concurrencyPolicy": "Replace"});
    scene.create("one", &spec, Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
}

const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);
