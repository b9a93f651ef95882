//! What gets in the way of a start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::ToSpan;
use serde_json::{Value, json};

use crate::plane;
use crate::support::{
    api::Patch,
    manifest::{Finish, job},
    registration::{Registration, webhook},
    scheduling::{Scheduling, job_name, second, some_minute},
    stub::Stub,
    wait::eventually,
};

/// Somebody else's Job has the name: this start cannot be made, and it is not touched. As upstream
/// does, the schedule sleeps then until there are news.
#[test]
fn a_foreign_job_in_the_way() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "foreign", slot - 10.seconds());
    let name = job_name("one", slot);
    let foreign = scene.space.create(&job(&name, json!({}))).ok();
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.create("two", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.put_clock(slot);
    scene.wait_for_result("foreign-job", 1.0);
    let jobs = [name.clone(), job_name("two", slot)];
    scene.wait_for_jobs(&jobs);
    scene.still(&jobs);
    let status = scene.space.cron_job("one")["status"].clone();
    assert_eq!(status["lastScheduleTime"], second(slot - 1.minute()).as_str());
    assert_eq!(scene.space.job(&name)["metadata"]["uid"], foreign["metadata"]["uid"]);
    assert_eq!(scene.events("one"), []);
    // It was tried once, and not on and on.
    scene.wait_for_result("foreign-job", 1.0);
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.wait_until_written("two", next, 2);
    scene.space.touch_cron_job("one", "wake up");
    scene.wait_until_written("one", next, 1);
}

/// What ended meanwhile is written down and cleaned up, whatever becomes of the start.
#[test]
fn a_quota_that_allows_no_job() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "quota", slot);
    let spec = json!({"schedule": "* * * * *", "successfulJobsHistoryLimit": 1});
    scene.create("one", &spec, Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    for (name, minutes) in [("older", 20), ("old", 10)] {
        scene.child("one", name, json!({}));
        scene.space.finish_job(name, Finish::Complete, slot - minutes.minutes());
    }
    scene.wait_for_jobs(&["old".to_owned(), job_name("one", slot)]);
    quota(&scene, "2");
    let next = slot + 1.minute();
    scene.put_clock(next);
    let note = scene.wait_for_event("one", "FailedCreate");
    assert!(note.starts_with("Error creating job: "), "{note}");
    assert!(note.contains("exceeded quota"), "{note}");
    scene.wait_for_result("refused", 2.0);
    let end = next + 5.seconds();
    scene.space.finish_job(&job_name("one", slot), Finish::Complete, end);
    scene.wait_for_status("one", |status| {
        status["active"].is_null() && status["lastSuccessfulTime"] == second(end).as_str()
    });
    scene.wait_for_jobs(&[job_name("one", slot)]);
    assert_eq!(scene.space.cron_job("one")["status"]["lastScheduleTime"], second(slot).as_str());
    quota(&scene, "9");
    scene.wait_for_jobs(&[job_name("one", slot), job_name("one", next)]);
    scene.wait_until_written("one", next, 1);
}

#[test]
fn a_namespace_that_is_being_deleted() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "ending", slot - 10.seconds());
    let other = plane.namespace("living");
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    // Nobody here finishes the deletion.
    plane.api.delete(&format!("/api/v1/namespaces/{}", scene.space.name)).ok();
    scene.put_clock(slot);
    scene.wait_for_result("namespace-terminating", 2.0);
    scene.still(&[]);
    assert_eq!(scene.space.cron_job("one")["status"]["active"], json!(null));
    drop(other);
}

/// The `CronJob` is deleted while its Job is being created; another one of the name comes.
#[test]
fn a_cronjob_that_is_deleted_in_the_middle_of_its_start() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "deleted", slot - 10.seconds());
    let path = scene.space.path("cronjobs/one");
    let (deleted, once) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let done = Arc::clone(&deleted);
    let stub = Stub::answering(&plane.authority, move |request| {
        if request["name"].as_str().is_some_and(|name| name.starts_with("one-"))
            && !once.swap(true, Ordering::AcqRel)
        {
            // Not by a thread of the runtime, which waits for an answer here.
            let path = path.clone();
            let call = std::thread::spawn(move || plane.api.delete(&path).status);
            done.store(call.join().is_ok_and(|status| status == 200), Ordering::Release);
        }
        Vec::new()
    });
    let webhook = webhook("deletes.example.test", &stub.endpoint(), "jobs");
    let _webhook = Registration::new("deletes", &[&scene.space], &[webhook]);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.create("two", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.put_clock(slot);
    // There is no garbage collector here to take the Job away.
    scene.wait_for_jobs(&[job_name("one", slot), job_name("two", slot)]);
    assert!(deleted.load(Ordering::Acquire));
    scene.wait_until_written("two", slot, 1);
    assert_eq!(plane.api.get(&scene.space.path("cronjobs/one")).status, 404);
    // The Job of the name is that of another one now.
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot));
    let next = slot + 1.minute();
    scene.put_clock(next);
    let status = scene.wait_until_written("one", next, 1);
    assert_eq!(status["active"][0]["name"], job_name("one", next).as_str());
    let jobs = [("one", slot), ("one", next), ("two", slot), ("two", next)];
    scene.wait_for_jobs(&jobs.map(|(name, slot)| job_name(name, slot)));
}

/// One that is deleted in the foreground is still there, and starts nothing.
#[test]
fn a_cronjob_that_is_being_deleted() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "deleted", slot - 10.seconds());
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    let path = scene.space.path("cronjobs/one");
    let body = json!({"propagationPolicy": "Foreground"}).to_string();
    let reply = plane.api.call("DELETE", &path, "application/json", body.into_bytes());
    assert_eq!(reply.status, 200);
    assert!(scene.space.cron_job("one")["metadata"]["deletionTimestamp"].is_string());
    scene.put_clock(slot);
    scene.still(&[]);
    let finalizers = json!({"metadata": {"finalizers": null}});
    scene.space.patch_cron_job("one", &finalizers).ok();
}

/// A quota of Jobs. There is no controller here that would count, so the test says what is used.
fn quota(scene: &Scheduling, hard: &str) {
    let space = &scene.space;
    let collection = format!("/api/v1/namespaces/{}/resourcequotas", space.name);
    let key = "count/jobs.batch";
    let spec = json!({"spec": {"hard": {key: hard}}});
    let mut body: Value = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "jobs"},
    });
    json_patch::merge(&mut body, &spec);
    let api = &space.plane.api;
    let reply = api.post(&collection, &body);
    if reply.status == 409 {
        api.patch(Patch::Merge, &format!("{collection}/jobs"), &spec).ok();
    }
    let used = space.jobs().len().to_string();
    let status = json!({"status": {"hard": {key: hard}, "used": {key: used}}});
    api.patch(Patch::Merge, &format!("{collection}/jobs/status"), &status).ok();
    // Admission learns of it by a watch.
    let full = hard == used;
    eventually("the quota is in force", Duration::from_secs(20), || {
        let reply = space.dry_run(&job("probe", json!({})));
        ((reply.status == 403) == full).then_some(())
    });
}
