//! The Job that a start creates.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::plane;
use crate::support::manifest::{Finish, merged, timely};
use crate::support::registration::{Registration, webhook};
use crate::support::scheduling::{Scheduling, job_name, owner, some_minute};
use crate::support::stub::Stub;

/// Fields of the template that the client library of this build does not know are among them.
#[test]
fn a_job_is_what_its_template_says() {
    let Some(plane) = plane() else { return };
    let slot: Timestamp = "2031-07-15T10:30:00Z".parse().expect("it is one");
    let scene = Scheduling::own(plane, "template", slot);
    let spec = json!({
        "schedule": "30 12 * * *",
        "timeZone": "Europe/Berlin",
        "jobTemplate": {
            "metadata": {
                "name": "unused",
                "labels": {"team": "night"},
                "annotations": {"example.test/note": "grüße, \"quoted\"\n"},
                "finalizers": ["example.test/unused"],
            },
            "spec": {
                "backoffLimit": 2,
                "ttlSecondsAfterFinished": 600,
                "completions": 3,
                "parallelism": 2,
                "completionMode": "Indexed",
                "podReplacementPolicy": "Failed",
                "template": {
                    "metadata": {"labels": {"app": "worker"}},
                    "spec": {
                        "hostnameOverride": "worker.example.test",
                        "containers": [{
                            "name": "worker",
                            "image": "busybox",
                            "env": [{"name": "EMPTY", "value": ""}],
                            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                        }],
                    },
                },
            },
        },
    });
    scene.create("one", &spec, Some(slot - 24.hours()));
    let name = job_name("one", slot);
    scene.wait_for_jobs(std::slice::from_ref(&name));
    let (job, cronjob) = (scene.space.job(&name), scene.space.cron_job("one"));
    let template = timely(cronjob["spec"]["jobTemplate"].clone());
    // The API server adds defaults, and labels by which Pods are found; nothing else differs.
    assert_eq!(merged(job["spec"].clone(), &template["spec"]), job["spec"]);
    let override_of = |spec: &Value| spec["template"]["spec"]["hostnameOverride"].clone();
    assert_eq!(override_of(&job["spec"]), override_of(&template["spec"]));
    // Before 1.35 no API server keeps it, unless it is told to.
    let known = if plane.minor < 35 { Value::Null } else { "worker.example.test".into() };
    assert_eq!(override_of(&job["spec"]), known);
    let metadata = &job["metadata"];
    assert_eq!(metadata["labels"], json!({"team": "night"}));
    assert_eq!(
        metadata["annotations"],
        json!({
            "example.test/note": "grüße, \"quoted\"\n",
            "batch.kubernetes.io/cronjob-scheduled-timestamp": "2031-07-15T12:30:00+02:00",
        })
    );
    assert_eq!(metadata["ownerReferences"], json!([owner("one", &cronjob["metadata"]["uid"])]));
    assert_eq!(metadata["finalizers"], json!(null));
}

#[test]
fn a_job_without_a_zone_of_its_own() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "template", slot);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    let name = job_name("one", slot);
    scene.wait_for_jobs(std::slice::from_ref(&name));
    let job = scene.space.job(&name);
    let annotations = json!({
        "batch.kubernetes.io/cronjob-scheduled-timestamp":
            slot.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    assert_eq!(job["metadata"]["annotations"], annotations);
}

/// Webhooks see it like any other Job.
#[test]
fn a_job_meets_the_webhooks() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "webhook", slot - 20.seconds());
    let stub = Stub::answering(&plane.authority, |request| {
        let ttl = &request["object"]["spec"]["ttlSecondsAfterFinished"];
        if ttl.is_null() {
            vec![json!({"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 77})]
        } else {
            Vec::new()
        }
    });
    let webhook = webhook("ttl.example.test", &stub.endpoint(), "jobs");
    let _registration = Registration::new("ttl", &[&scene.space], &[webhook]);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.put_clock(slot);
    let name = job_name("one", slot);
    scene.wait_for_jobs(std::slice::from_ref(&name));
    scene.wait_until_written("one", slot, 1);
    assert_eq!(scene.space.job(&name)["spec"]["ttlSecondsAfterFinished"], 77);
}

/// As long as the API server takes it; the Job's name then has eleven characters more.
#[test]
fn the_longest_name() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "long", slot);
    let name = "n".repeat(52);
    scene.create(&name, &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    let job = job_name(&name, slot);
    scene.wait_for_jobs(std::slice::from_ref(&job));
    scene.wait_until_written(&name, slot, 1);
    scene.finish(&job, Finish::Complete);
    scene.wait_until_written(&name, slot, 0);
    let created: Value = scene.space.job(&job);
    let label = "batch.kubernetes.io/job-name";
    assert_eq!(created["spec"]["template"]["metadata"]["labels"][label], job.as_str());
}
