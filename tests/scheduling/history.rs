//! Which finished Jobs are kept.

use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use rstest::rstest;
use serde_json::{Value, json};

use crate::plane;
use crate::support::{
    manifest::{Finish, merged},
    registration::{self, Registration},
    scheduling::{Scheduling, job_name, owner, second, some_minute},
    stub::Stub,
    wait::eventually,
};

/// The order is by the start, then by name, and successes come first.
#[rstest]
#[case::one_success(1, 0, &["s-old", "s-a", "f-old", "f-new"], &["s-b"])]
#[case::one_failure(0, 1, &["s-old", "s-a", "s-b", "f-old"], &["f-new"])]
#[case::nothing(0, 0, &["s-old", "s-a", "s-b", "f-old", "f-new"], &[])]
fn what_is_beyond_the_limits_goes(
    #[case] successful: i32,
    #[case] failed: i32,
    #[case] gone: &[&str],
    #[case] left: &[&str],
) {
    let Some(plane) = plane() else { return };
    let now = some_minute();
    let mut scene = Scheduling::own(plane, "history", now);
    scene.end();
    create(
        &scene,
        &json!({
            "successfulJobsHistoryLimit": successful, "failedJobsHistoryLimit": failed,
        }),
    );
    for (name, how, minutes) in [
        ("f-new", Finish::Failed, 10),
        ("f-old", Finish::Failed, 40),
        ("s-b", Finish::Complete, 20),
        ("s-a", Finish::Complete, 20),
        ("s-old", Finish::Complete, 30),
    ] {
        ended(&scene, name, how, now - minutes.minutes());
    }
    let before = scene.space.jobs();
    scene.run();
    scene.wait_for_jobs(&left.iter().map(ToString::to_string).collect::<Vec<_>>());
    let deletions = eventually("the audit log has them", LIMIT, || {
        Some(scene.deletions()).filter(|deletions| deletions.len() == gone.len())
    });
    let names: Vec<&str> = deletions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, gone);
    for (name, options) in &deletions {
        let job = before.iter().find(|job| job["metadata"]["name"] == name.as_str()).unwrap();
        let preconditions = json!({
            "uid": job["metadata"]["uid"], "resourceVersion": job["metadata"]["resourceVersion"],
        });
        assert_eq!(options["preconditions"], preconditions, "{name}");
        assert_eq!(options["propagationPolicy"], "Background", "{name}");
    }
    eventually("an Event for each", LIMIT, || {
        let events = scene.events("one");
        let is_there = |name: &&str| {
            events.contains(&("SuccessfulDelete".to_owned(), format!("Deleted job {name}")))
        };
        gone.iter().all(is_there).then_some(())
    });
    assert_eq!(scene.warnings("one"), [""; 0]);
    // The one that was deleted has succeeded all the same.
    scene.wait_for_status("one", |status| {
        status["lastSuccessfulTime"] == second(now - 20.minutes()).as_str()
    });
}

/// Somebody looks at it, somebody else deletes it already, and one belongs to another `CronJob`.
#[test]
fn who_is_not_deleted() {
    let Some(plane) = plane() else { return };
    let now = some_minute();
    let mut scene = Scheduling::own(plane, "history", now);
    scene.end();
    create(&scene, &json!({"successfulJobsHistoryLimit": 1}));
    let at = |minutes: i64| now - minutes.minutes();
    ended(&scene, "held", Finish::Complete, at(60));
    let hold = json!({"curfew.dev/hold-until": second(now + 24.hours())});
    scene.space.patch_job("held", &json!({"metadata": {"annotations": hold}})).ok();
    let bogus = json!("00000000-0000-4000-8000-000000000000");
    let reference = json!({"metadata": {"ownerReferences": [owner("one", &bogus)]}});
    scene.space.create(&crate::support::manifest::job("other", reference)).ok();
    scene.space.finish_job("other", Finish::Complete, at(50));
    ended(&scene, "terminating", Finish::Complete, at(40));
    finalizers(&scene, &json!(["example.test/slow"]));
    plane.api.delete(&scene.space.path("jobs/terminating")).ok();
    for (name, minutes) in [("old", 30), ("new", 20)] {
        ended(&scene, name, Finish::Complete, at(minutes));
    }
    scene.run();
    let left = ["held", "new", "other", "terminating"].map(str::to_owned);
    scene.wait_for_jobs(&left);
    scene.still(&left);
    let names: Vec<String> = scene.deletions().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["old"]);
    // Time ends the hold: the next look takes it away.
    scene.put_clock(now + 25.hours());
    scene.space.touch_cron_job("one", "look");
    let left = ["new", "other", "terminating"].map(str::to_owned);
    scene.wait_for_jobs(&left);
    finalizers(&scene, &json!(null));
    assert_eq!(scene.warnings("one"), [""; 0]);
}

/// A limit counts from the moment it is written.
#[test]
fn a_limit_that_is_lowered() {
    let Some(plane) = plane() else { return };
    let now = some_minute();
    let scene = Scheduling::own(plane, "history", now);
    create(&scene, &json!({"successfulJobsHistoryLimit": 3}));
    for (name, minutes) in [("a", 30), ("b", 20), ("c", 10)] {
        ended(&scene, name, Finish::Complete, now - minutes.minutes());
    }
    scene.still(&["a", "b", "c"].map(str::to_owned));
    scene.change("one", &json!({"successfulJobsHistoryLimit": 1}));
    scene.wait_for_jobs(&["c".to_owned()]);
}

/// The watches have fallen silent, and the time has come for a look at what is known.
#[test]
fn a_limit_that_the_watch_does_not_bring_counts() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let mut scene = Scheduling::own(plane, "history", slot - 45.seconds());
    scene.end();
    let silence = scene.run_behind();
    let spec = json!({"schedule": "* * * * *", "successfulJobsHistoryLimit": 0});
    scene.create("one", &spec, Some(slot - 1.minute()));
    let hold = json!({"curfew.dev/hold-until": second(slot - 10.seconds())});
    scene.child("one", "held", json!({"metadata": {"annotations": hold}}));
    scene.space.finish_job("held", Finish::Complete, slot - 20.minutes());
    scene.still(&["held".to_owned()]);
    // The watches have brought it, and then go idle.
    std::thread::sleep(Duration::from_secs(4));
    silence.fall_silent();
    scene.change("one", &json!({"successfulJobsHistoryLimit": 10}));
    // With the start it is seen that the hold has ended.
    scene.put_clock(slot - 1.second());
    let left = ["held".to_owned(), job_name("one", slot)];
    scene.wait_for_jobs(&left);
    scene.still(&left);
}

/// The clean-up fails again and again, and waits for longer each time; starts do not.
#[test]
fn history_that_cannot_be_deleted_puts_no_start_off() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "history", slot - 30.seconds());
    // A patch that does not fit fails the request.
    let stub = Stub::answering(&plane.authority, |request| {
        if request["operation"] == "DELETE" && request["name"] == "old" {
            return vec![json!({"op": "remove", "path": "/nothing/there"})];
        }
        Vec::new()
    });
    let rule = json!({"rules": [{
        "apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE", "DELETE"],
        "resources": ["jobs"], "scope": "Namespaced",
    }]});
    let webhook = registration::webhook("keeper.example.test", &stub.endpoint(), "jobs");
    let _keeper = Registration::new("keeper", &[&scene.space], &[merged(webhook, rule)]);
    let spec = json!({"schedule": "* * * * *", "successfulJobsHistoryLimit": 0});
    scene.create("one", &spec, Some(slot - 1.minute()));
    ended(&scene, "old", Finish::Complete, slot - 10.minutes());
    scene.wait_for_event("one", "FailedDelete");
    let tried = |times: usize| {
        eventually("it fails again", LIMIT, || (scene.deletions().len() >= times).then_some(()));
    };
    tried(5);
    // The clock ends the pause, and the next one is of eight seconds.
    scene.put_clock(slot - 2.seconds());
    let start = clock::instant();
    tried(6);
    scene.wait_for_jobs(&["old".to_owned(), job_name("one", slot)]);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    scene.wait_until_written("one", slot, 1);
}

/// One that starts nothing.
fn create(scene: &Scheduling, overlay: &Value) {
    let quiet = json!({"schedule": "0 2 1 1 *", "suspend": true});
    scene.create("one", &merged(quiet, overlay), None);
}

fn finalizers(scene: &Scheduling, of: &Value) {
    let patch = json!({"metadata": {"finalizers": of}});
    scene.space.patch_job("terminating", &patch).ok();
}

/// A Job of `one` that ended.
fn ended(scene: &Scheduling, name: &str, how: Finish, at: Timestamp) {
    scene.child("one", name, json!({}));
    scene.space.finish_job(name, how, at);
}

const LIMIT: Duration = Duration::from_secs(20);
