//! Finished Jobs are the sweeper's: no update of theirs makes the webhook set a TTL that the
//! built-in controller would act on within the second.

use std::time::Duration;

use jiff::ToSpan;
use serde_json::json;

use crate::support::{
    control_plane,
    manifest::{Finish, days_ago, job},
    namespace::Namespace,
    scene::{Scene, record, ttl},
    wait::{eventually, throughout},
};

/// The accident this whole rule is for: `kubectl label jobs --all` empties a namespace.
#[test]
fn relabelling_a_hundred_finished_jobs_deletes_none() {
    let Some(plane) = control_plane::staffed() else { return };
    let early = plane.namespace("early");
    for number in 0..COUNT {
        let name = format!("old-{number:03}");
        early.create(&job(&name, json!({"spec": {"managedBy": "example.test/nobody"}}))).ok();
        let how = if number % 2 == 0 { Finish::Complete } else { Finish::Failed };
        early.finish_job(&name, how, days_ago(8));
    }
    let before: Vec<_> = early.jobs().iter().map(|job| job["spec"].clone()).collect();
    assert_eq!(before.len(), COUNT);
    // They are older than the webhook, which is how such a namespace comes about.
    let scene = Scene::over(early, POLICY);
    let kubectl = &scene.space.kubectl;
    kubectl.ok(&["label", "jobs", "--all", "environment=dev"]);
    kubectl.ok(&["annotate", "jobs", "--all", "example.test/seen=yes"]);
    kubectl.ok(&["label", "jobs", "--all", "--overwrite", "environment=strict"]);
    // The controller is awake, and would have had the time.
    canary(&scene.space, "canary-after");
    throughout("no Job is deleted", Duration::from_secs(3), || scene.space.jobs().len() >= COUNT);
    let jobs = scene.space.jobs();
    let after: Vec<_> = jobs.iter().map(|job| job["spec"].clone()).collect();
    assert_eq!(before, after);
    for job in &jobs {
        assert_eq!(record(job), json!(null));
        assert_eq!(job["metadata"]["deletionTimestamp"], json!(null));
        assert_eq!(job["metadata"]["labels"]["environment"], "strict");
    }
    assert_eq!(scene.plane.audit.failed_open(&scene.space.name), Vec::<serde_json::Value>::new());
    // An unfinished one beside them does get its TTL, so the webhook was there all the time.
    scene.space.create(&job("running", json!({}))).ok();
    assert_eq!(ttl(&scene.space.job("running")), 3600);
}

/// The whole way: the policy says when, the built-in controllers delete.
#[test]
fn a_ttl_of_the_policy_is_what_the_built_in_controller_acts_on() {
    let Some(plane) = control_plane::staffed() else { return };
    let scene = Scene::on(plane, "goes", POLICY);
    for (name, environment) in [("goes", "strict"), ("stays", "dev")] {
        let overlay = json!({
            "metadata": {"labels": {"environment": environment}},
            "spec": {"managedBy": "example.test/nobody"},
        });
        scene.space.create(&job(name, overlay)).ok();
        // Both have been finished for longer than the one and not as long as the other.
        scene.space.finish_job(name, Finish::Complete, days_ago(0) - 100.seconds());
    }
    // Deleted in the foreground: the garbage collector takes off a finalizer, past the webhook.
    eventually("the Job of a minute is gone", Duration::from_secs(60), || {
        scene.space.find_job("goes").is_none().then_some(())
    });
    assert_eq!(ttl(&scene.space.job("stays")), 300);
}

/// Its TTL was ours while it ran; it finished; now it is relabelled to a rule with a shorter one.
#[test]
fn a_finished_job_is_never_shortened() {
    let Some(scene) = Scene::new("shorten", POLICY) else { return };
    let spec = json!({"spec": {"managedBy": "example.test/nobody"}});
    scene.space.create(&job("one", spec)).ok();
    assert_eq!(ttl(&scene.space.job("one")), 3600);
    scene.space.finish_job("one", Finish::Complete, days_ago(0));
    scene.space.kubectl.ok(&["label", "job", "one", "environment=strict"]);
    let stored = scene.space.job("one");
    assert_eq!(ttl(&stored), 3600);
    assert_eq!(record(&stored), json!({"ttl": [3600, null, "defaults"]}));
    // Exempt now: taking back our own TTL only lengthens.
    scene.space.kubectl.ok(&["label", "job", "one", "cleanup-policy=keep"]);
    assert_eq!(ttl(&scene.space.job("one")), &json!(null));
}

/// The owner's word goes past the rule for finished Jobs, as it can only lengthen.
#[test]
fn a_hold_lengthens_a_finished_job() {
    let Some(scene) = Scene::new("hold", POLICY) else { return };
    scene.space.create(&job("one", json!({"spec": {"managedBy": "example.test/nobody"}}))).ok();
    let finish = days_ago(0) - 60.seconds();
    scene.space.finish_job("one", Finish::Complete, finish);
    let until = finish + 2.hours();
    let until = until.strftime("curfew.dev/hold-until=%Y-%m-%dT%H:%M:%SZ").to_string();
    scene.space.kubectl.ok(&["annotate", "job", "one", &until]);
    let stored = scene.space.job("one");
    assert_eq!(ttl(&stored), 7200);
    assert_eq!(record(&stored)["ttl"][0], 7200);
}

fn canary(space: &Namespace<'_>, name: &str) {
    let spec = json!({"spec": {"managedBy": "example.test/nobody", "ttlSecondsAfterFinished": 60}});
    space.create(&job(name, spec)).ok();
    space.finish_job(name, Finish::Complete, days_ago(1));
    eventually("the TTL controller deletes the canary", Duration::from_secs(60), || {
        space.find_job(name).is_none().then_some(())
    });
}

const COUNT: usize = 100;

const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  exempt:
    selectors:
      - matchLabels: {cleanup-policy: keep}
  rules:
    - name: dev
      match: {labels: {environment: dev}}
      ttl: 5m
    - name: strict
      match: {labels: {environment: strict}}
      ttl: 60s
      enforce: true
  defaults:
    ttl: 1h
";
