//! Points 2 to 4 and 6: what a DELETE says, what becomes of the Pods and of finalizers, and what
//! is told about it.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::{canary, events, owned_by, soon};
use crate::support::{
    api::Patch,
    control_plane,
    manifest::{Finish, cron_job, days_ago},
    sweeping::{Sweeping, finished_job, policy},
    wait::throughout,
};

/// Pods go with their Job, and the request says so; its preconditions name the very object.
#[rstest]
fn pods_go_with_their_job(#[values("Background", "Foreground")] propagation: &str) {
    let Some(plane) = control_plane::staffed() else { return };
    let space = plane.namespace("pods");
    let pods = format!("/api/v1/namespaces/{}/pods", space.name);
    let accounts = format!("/api/v1/namespaces/{}/serviceaccounts", space.name);
    plane.api.post(&accounts, &json!({"metadata": {"name": "default"}})).ok();
    finished_job(&space, "one", Finish::Complete, days_ago(1), json!({}));
    let owner = space.job("one");
    for name in ["one-a", "one-b"] {
        let mut pod = owned_by(&owner, "batch/v1", "Job");
        json_patch::merge(
            &mut pod,
            &json!({
                "metadata": {"name": name},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "busybox"}]},
            }),
        );
        plane.api.post(&pods, &pod).ok();
    }
    let policy = policy(&space.name, "{ttl: 1h, stored: Delete}")
        .replace("rate:", &format!("propagation: {propagation}, rate:"));
    let sweeping = Sweeping::with_policy(space, &policy, &[]);
    soon("the Job is gone", || sweeping.space.find_job("one").is_none().then_some(()));
    soon("its Pods are gone", || {
        let left = plane.api.get(&pods).ok();
        let left = left["items"].as_array().cloned().unwrap_or_default();
        let orphan = left.iter().find(|pod| pod["metadata"]["ownerReferences"].is_null());
        assert!(orphan.is_none(), "orphaned: {orphan:?}");
        left.is_empty().then_some(())
    });
    let calls = sweeping.calls("delete");
    let [call] = calls.as_slice() else { panic!("one call for one Job: {calls:?}") };
    let asked = &call["requestObject"];
    assert_eq!(asked["propagationPolicy"], propagation);
    assert_eq!(asked["preconditions"]["uid"], owner["metadata"]["uid"]);
    assert_eq!(asked["preconditions"]["resourceVersion"], owner["metadata"]["resourceVersion"]);
}

/// Whatever keeps a Job that is being deleted: it is asked for once, and nothing is stripped.
#[rstest]
#[case::by_a_finalizer("Background", json!(["example.test/archive"]), json!(["example.test/archive"]))]
#[case::by_its_pods("Foreground", json!([]), json!(["foregroundDeletion"]))]
fn there_is_no_second_delete(
    #[case] propagation: &str,
    #[case] finalizers: serde_json::Value,
    #[case] kept: serde_json::Value,
) {
    // Without a garbage collector, a deletion in the foreground lasts.
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("once");
    let overlay = json!({"metadata": {"finalizers": finalizers}});
    finished_job(&space, "one", Finish::Failed, days_ago(1), overlay);
    let policy = policy(&space.name, "{ttl: 1h, stored: Delete}")
        .replace("rate:", &format!("propagation: {propagation}, rate:"));
    let sweeping = Sweeping::with_policy(space, &policy, &[]);
    let space = &sweeping.space;
    soon("it is being deleted", || {
        (!space.job("one")["metadata"]["deletionTimestamp"].is_null()).then_some(())
    });
    let mut round = 0;
    throughout("nothing is stripped", Duration::from_secs(3), || {
        round += 1;
        space.touch_job("one", &format!("round-{round}"))["metadata"]["finalizers"] == kept
    });
    sweeping.set_rule("{ttl: 2h, stored: Delete}");
    let passes = sweeping.passes();
    soon("all is looked at again", || (sweeping.passes() > passes + 1).then_some(()));
    assert_eq!(sweeping.called("delete"), ["one"]);
    assert_eq!(sweeping.called("patch"), Vec::<String>::new());
    space.patch_job("one", &json!({"metadata": {"finalizers": null}})).ok();
    soon("it is gone", || space.find_job("one").is_none().then_some(()));
    // The name is free, and another Job of it is another Job.
    finished_job(space, "one", Finish::Failed, days_ago(1), json!({}));
    soon("the next one, too", || (sweeping.calls("delete").len() == 2).then_some(()));
}

/// Point 6: an Event on the Job and on its `CronJob`, and one line in the log.
#[test]
fn a_deletion_is_told() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("told");
    let parent = space.create(&cron_job("nightly", json!({}))).ok();
    let mut child = owned_by(&parent, "batch/v1", "CronJob");
    json_patch::merge(&mut child, &json!({"metadata": {"annotations": {}}}));
    finished_job(&space, "nightly-1", Finish::Failed, days_ago(1), child);
    finished_job(&space, "single", Finish::Complete, days_ago(1), json!({}));
    let sweeping = Sweeping::over(space, "{ttl: 1h, stored: Delete}");
    let space = &sweeping.space;
    canary(&sweeping, "canary");
    for (kind, name, job) in [
        ("Job", "single", "single"),
        ("Job", "nightly-1", "nightly-1"),
        ("CronJob", "nightly", "nightly-1"),
    ] {
        let event = soon("the Event is there", || events(space, kind, name).pop());
        assert_eq!((&event["reason"], &event["type"]), (&json!("Deleted"), &json!("Normal")));
        let note = event["note"].as_str().expect("there is a note");
        assert!(note.contains(&format!("Job {job}:")) && note.contains("by here"), "{note}");
    }
    assert_eq!(
        events(space, "CronJob", "nightly")[0]["regarding"]["uid"],
        parent["metadata"]["uid"]
    );
    let log = sweeping.curfew.process.log();
    let line = log.lines().filter(|line| {
        line.contains("\"deleted\"") && line.contains("nightly-1") && line.contains(&space.name)
    });
    let lines: Vec<serde_json::Value> =
        line.map(|line| serde_json::from_str(line).expect("a log line is JSON")).collect();
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    assert_eq!((&line["rule"], &line["outcome"]), (&json!("here"), &json!("Failed")));
    for member in ["age", "expiry", "lag_seconds", "uid"] {
        assert!(!line[member].is_null(), "{member}: {line}");
    }
}

/// A hold that came after the judgement, and before the DELETE, is what preconditions are for; that
/// the API server has them is seen by a Job whose state changes all the time.
#[test]
fn a_job_that_keeps_changing_goes_in_the_end() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("busy");
    let sweeping = Sweeping::over(space, "{ttl: 0s, stored: Delete}");
    let space = &sweeping.space;
    sweeping.wait_for_leader();
    finished_job(space, "busy", Finish::Complete, days_ago(0), json!({}));
    let path = space.path("jobs/busy");
    soon("it is gone", || {
        let touch = json!({"metadata": {"annotations": {"example.test/touch": curfew::clock::now().to_string()}}});
        (plane.api.patch(Patch::Merge, &path, &touch).status == 404).then_some(())
    });
}
