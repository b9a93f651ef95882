//! Point 1: only what is finished, whatever its age and with a TTL of 0.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::{canary, names, soon};
use crate::support::{
    api::Patch,
    control_plane::{self, ControlPlane},
    manifest::{Finish, days_ago, job, merged},
    namespace::Namespace,
    sweeping::{Sweeping, finished_job},
    wait::throughout,
};

#[rstest]
#[case::alone(control_plane::shared)]
#[case::beside_the_built_in_controller(control_plane::staffed)]
fn only_finished_jobs_go(#[case] plane: fn() -> Option<&'static ControlPlane>) {
    let Some(plane) = plane() else { return };
    let space = plane.namespace("finished-only");
    let zero = json!({"spec": {"ttlSecondsAfterFinished": 0, "managedBy": "example.test/nobody"}});
    for (name, status) in unfinished() {
        space.create(&job(name, zero.clone())).ok();
        write_status(&space, name, &status);
    }
    let suspended = merged(zero.clone(), json!({"spec": {"suspend": true}}));
    space.create(&job("suspended", suspended)).ok();
    // Somebody else has deleted it, and a finalizer keeps it.
    let kept = merged(zero, json!({"metadata": {"finalizers": ["example.test/kept"]}}));
    finished_job(&space, "terminating", Finish::Complete, days_ago(1), kept);
    if space.find_job("terminating").is_some() {
        plane.api.delete(&space.path("jobs/terminating")).ok();
    }
    let expected = names(&space);
    assert_eq!(expected.len(), unfinished().len() + 2);
    for (name, how) in [("complete", Finish::Complete), ("failed", Finish::Failed)] {
        finished_job(&space, name, how, days_ago(1), json!({}));
    }
    let sweeping = Sweeping::over(space, "{ttl: 0s, enforce: true, stored: Delete}");
    let space = &sweeping.space;
    soon("both are gone", || (names(space) == expected).then_some(()));
    throughout("the others stay", Duration::from_secs(2), || names(space) == expected);
    let mut deleted = sweeping.called("delete");
    deleted.sort();
    assert_eq!(deleted, ["complete", "failed"]);
}

/// Every shape a Job can have is judged by its condition and by nothing else.
#[test]
fn a_job_of_any_shape_is_judged_by_its_condition() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("shapes");
    let mut expected = Vec::new();
    for (shape, spec, status) in shapes() {
        let overlay = json!({"spec": spec});
        space.create(&job(&format!("{shape}-running"), merged(overlay.clone(), json!({})))).ok();
        // One Pod of several has succeeded, or failed.
        let some = json!({"startTime": "2020-01-01T00:00:00Z", "succeeded": 1, "failed": 1});
        let some = if shape.starts_with("indexed") { json!({}) } else { some };
        write_status(&space, &format!("{shape}-running"), &some);
        for (name, how) in [("complete", Finish::Complete), ("failed", Finish::Failed)] {
            let (old, new) = (format!("{shape}-{name}-old"), format!("{shape}-{name}-new"));
            for (job, time) in [(&old, days_ago(1)), (&new, days_ago(0))] {
                let managed = json!({"spec": {"managedBy": "example.test/nobody"}});
                space
                    .create(&crate::support::manifest::job(job, merged(overlay.clone(), managed)))
                    .ok();
                let mut written = crate::support::manifest::finished(how, time);
                if matches!(how, Finish::Complete) {
                    json_patch::merge(&mut written, &json!({"status": status}));
                }
                write_status(&space, job, &written["status"]);
            }
            expected.push(new);
        }
        expected.push(format!("{shape}-running"));
    }
    expected.sort();
    let sweeping = Sweeping::over(space, "{ttl: 1h, stored: Delete}");
    soon("what is old is gone", || (names(&sweeping.space) == expected).then_some(()));
    canary(&sweeping, "canary");
    assert_eq!(names(&sweeping.space), expected);
    assert_eq!(sweeping.calls("delete").len(), shapes().len() * 2 + 1);
}

/// Without the built-in controller, what it would delete is ours to delete.
#[test]
fn a_ttl_of_its_own_is_over() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("own-ttl");
    for (name, ttl) in [("over", 60), ("not-yet", 172_800)] {
        let spec = json!({"spec": {"ttlSecondsAfterFinished": ttl}});
        finished_job(&space, name, Finish::Failed, days_ago(1), spec);
    }
    finished_job(&space, "without", Finish::Failed, days_ago(1), json!({}));
    let sweeping = Sweeping::over(space, "{stored: Delete}");
    soon("it is gone", || sweeping.space.find_job("over").is_none().then_some(()));
    canary(&sweeping, "canary");
    assert_eq!(names(&sweeping.space), ["not-yet", "without"]);
}

/// Names, and the status that each has had for years.
fn unfinished() -> Vec<(&'static str, Value)> {
    let condition = |kind: &str, status: &str| {
        json!({
            "startTime": OLD,
            "conditions": [{"type": kind, "status": status, "lastProbeTime": OLD, "lastTransitionTime": OLD}],
        })
    };
    vec![
        ("failure-target", condition("FailureTarget", "True")),
        ("pending", json!({"startTime": OLD, "active": 1, "ready": 0})),
        ("running", json!({"startTime": OLD, "active": 1, "ready": 1})),
        ("success-criteria-met", condition("SuccessCriteriaMet", "True")),
        ("untouched", json!({})),
        ("was-suspended", condition("Suspended", "False")),
    ]
}

/// Names, specs, and what a complete status needs beside the usual.
fn shapes() -> Vec<(&'static str, Value, Value)> {
    let indexed = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 2});
    let all = json!({"succeeded": 3, "completedIndexes": "0-2"});
    let success = json!({"successPolicy": {"rules": [{"succeededIndexes": "0"}]}});
    let per_index = json!({"backoffLimitPerIndex": 1, "maxFailedIndexes": 2});
    let on_exit = json!({"podFailurePolicy": {"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]}});
    let many = json!({"completions": 5, "parallelism": 2});
    vec![
        ("completions-unset", json!({}), json!({})),
        ("fixed", many, json!({"succeeded": 5})),
        ("indexed", indexed.clone(), all.clone()),
        ("indexed-success", merged(indexed.clone(), success), all.clone()),
        ("indexed-backoff", merged(indexed, per_index), all),
        ("pod-failure", on_exit, json!({})),
        ("queue", json!({"parallelism": 3}), json!({"succeeded": 2})),
    ]
}

#[track_caller]
fn write_status(space: &Namespace<'_>, name: &str, status: &Value) {
    let path = space.path(&format!("jobs/{name}/status"));
    space.plane.api.patch(Patch::Merge, &path, &json!({"status": status})).ok();
}

const OLD: &str = "2020-01-01T00:00:00Z";
