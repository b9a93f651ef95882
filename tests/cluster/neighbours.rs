//! Other webhooks beside us, and what no webhook can do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    audit, control_plane,
    manifest::{Finish, days_ago, finished, job, merged},
    registration::{Registration, webhook},
    scene::{Scene, record, ttl},
    stub::Stub,
    wait::eventually,
};

/// It comes after us, by the name of its configuration, and its label is one that a rule wants: we
/// are asked again, and answer as if the label had been there from the start.
#[test]
fn a_label_that_comes_later_counts() {
    let Some(scene) = Scene::new("later", POLICY) else { return };
    let stub = labeller(&scene);
    let _second = Registration::new("zz", &[&scene.space], &[labels(&stub)]);
    let reply = scene.space.create(&job("hello", json!({})));
    let annotations = scene.plane.audit.annotations(&reply);
    let calls = audit::calls(&annotations, &scene.registration.name);
    assert_eq!(calls, [true, true], "{annotations}");
    assert!(reply.warnings.is_empty(), "{:?}", reply.warnings);
    let stored = reply.ok();
    assert_eq!(ttl(&stored), 300);
    assert_eq!(record(&stored), json!({"ttl": [300, null, "dev"]}));
}

/// It comes before us: one call is enough.
#[test]
fn a_label_that_comes_earlier_counts() {
    let Some(scene) = Scene::new("earlier", POLICY) else { return };
    let stub = labeller(&scene);
    let _second = Registration::new("aa", &[&scene.space], &[labels(&stub)]);
    let reply = scene.space.create(&job("hello", json!({})));
    assert_eq!(ttl(&reply.ok()), 300);
}

/// It changes something that no rule asks for: the second answer is no patch.
#[test]
fn reinvocation_finds_nothing_to_do() {
    let Some(scene) = Scene::new("again", POLICY) else { return };
    let stub = Stub::answering(&scene.plane.authority, |request| {
        if request["object"]["spec"]["parallelism"] == 2 {
            return Vec::new();
        }
        vec![json!({"op": "add", "path": "/spec/parallelism", "value": 2})]
    });
    let second = webhook("parallel.example.test", &stub.endpoint(), "jobs");
    let _second = Registration::new("zz", &[&scene.space], &[second]);
    let author = json!({"spec": {"ttlSecondsAfterFinished": 2_592_000}});
    for (name, overlay, expected) in [("none", json!({}), 3600), ("clamped", author, 604_800)] {
        let reply = scene.space.create(&job(name, overlay));
        let annotations = scene.plane.audit.annotations(&reply);
        let calls = audit::calls(&annotations, &scene.registration.name);
        assert_eq!(calls, [true, false], "{name}: {annotations}");
        assert_eq!(reply.warnings.len(), usize::from(name == "clamped"), "{:?}", reply.warnings);
        let stored = reply.ok();
        assert_eq!((ttl(&stored), &stored["spec"]["parallelism"]), (&json!(expected), &json!(2)));
    }
}

/// Registered twice, as after a rename of the release: the second one finds it done.
#[test]
fn registered_twice() {
    let Some(scene) = Scene::new("twice", POLICY) else { return };
    let webhooks = crate::support::registration::curfew(&scene.curfew.endpoint());
    let second = Registration::new("second", &[&scene.space], &webhooks);
    let reply = scene.space.create(&job("hello", json!({})));
    let annotations = scene.plane.audit.annotations(&reply);
    assert!(!audit::calls(&annotations, &second.name).contains(&true), "{annotations}");
    let stored = reply.ok();
    assert_eq!(ttl(&stored), 3600);
    assert_eq!(record(&stored), json!({"ttl": [3600, null, "defaults"]}));
}

/// A pinned fact of the API server, and the reason why the sweeper exists: a TTL by outcome cannot
/// be written by a webhook when the status turns to finished.
#[test]
fn a_webhook_on_the_status_cannot_change_the_spec() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("status");
    space.create(&job("hello", json!({"spec": {"managedBy": "example.test/nobody"}}))).ok();
    let stub = Stub::answering(&plane.authority, |request| {
        let mut operations =
            vec![json!({"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 60})];
        if request["object"]["metadata"]["labels"].is_object() {
            operations.push(json!({"op": "add", "path": "/metadata/labels/seen", "value": "yes"}));
        }
        operations
    });
    let webhook = webhook("status.example.test", &stub.endpoint(), "jobs/status");
    let registration = Registration::without_waiting("status", &[&space], &[webhook]);
    let path = space.path("jobs/hello/status");
    let write = |body: &Value| plane.api.patch(Patch::Merge, &path, body);
    // The API server learns of a registration by a watch, so ask until it has.
    eventually("the webhook is called", Duration::from_secs(30), || {
        write(&json!({"status": {"ready": stub.calls()}})).ok();
        (stub.calls() > 0).then_some(())
    });
    let reply = write(&finished(Finish::Complete, days_ago(0)));
    let annotations = plane.audit.annotations(&reply);
    // It was called, it mutated, as the audit log has it …
    assert_eq!(audit::calls(&annotations, &registration.name), [true]);
    let stored = reply.ok();
    assert_eq!(stored["status"]["conditions"][1]["type"], "Complete");
    // … and the label is there, but the TTL is not.
    assert_eq!(stored["metadata"]["labels"]["seen"], "yes");
    assert_eq!(ttl(&stored), &json!(null));
    assert_eq!(ttl(&space.job("hello")), &json!(null));
}

/// Labels every Job as a platform team would.
fn labeller(scene: &Scene) -> Stub {
    Stub::answering(&scene.plane.authority, |request| {
        let labels = &request["object"]["metadata"]["labels"];
        if labels["environment"] == "dev" {
            return Vec::new();
        }
        let labels = merged(labels.clone(), json!({"environment": "dev"}));
        vec![json!({"op": "add", "path": "/metadata/labels", "value": labels})]
    })
}

fn labels(stub: &Stub) -> Value {
    webhook("labels.example.test", &stub.endpoint(), "jobs")
}

const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  limits:
    ttl: {max: 7d}
  rules:
    - name: dev
      match: {labels: {environment: dev}}
      ttl: 5m
  defaults:
    ttl: 1h
";
