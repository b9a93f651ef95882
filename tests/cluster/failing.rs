//! The webhook is up, slow or dead: Jobs are created all the same, and Jobs that are to go can go.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    audit,
    control_plane::{self, ControlPlane},
    curfew::Curfew,
    manifest::{Finish, days_ago, job, merged},
    namespace::Namespace,
    registration::{self, Endpoint, Registration},
    scene::ttl,
    stub::Stub,
};

/// How curfew is.
#[derive(Clone, Copy, Debug)]
enum State {
    Up,
    /// Takes the connection and says nothing.
    Slow,
    /// Killed.
    Dead,
}

/// Keeps alive what the endpoint needs.
struct Patient {
    endpoint: Endpoint,
    _curfew: Option<Curfew>,
    _stub: Option<Stub>,
}

// === impl Patient ===

impl Patient {
    fn new(plane: &ControlPlane, state: State) -> Self {
        if let State::Slow = state {
            let stub = Stub::silent(&plane.authority);
            return Self { endpoint: stub.endpoint(), _curfew: None, _stub: Some(stub) };
        }
        let mut curfew = Curfew::start(&plane.authority, POLICY);
        let endpoint = curfew.endpoint();
        if let State::Dead = state {
            curfew.process.signal("KILL");
            curfew.process.wait(Duration::from_secs(10)).expect("nobody survives SIGKILL");
        }
        Self { endpoint, _curfew: Some(curfew), _stub: None }
    }
}

#[rstest]
#[case::slow(State::Slow)]
#[case::dead(State::Dead)]
fn a_job_is_created_within_the_timeout(#[case] state: State) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("down");
    let patient = Patient::new(plane, state);
    let _registration = register(&space, &patient, true);
    let reply = space.create(&job("hello", json!({})));
    // Two seconds are the time-out; the rest is for a busy machine, and still below the default.
    assert!(reply.took < Duration::from_secs(7), "{:?}", reply.took);
    assert!(audit::failed_open(&plane.audit.annotations(&reply)));
    assert_eq!(ttl(&reply.ok()), &json!(null));
}

/// With the conditions of the chart and without: there the webhook itself must keep off.
#[rstest]
fn a_deleted_job_goes_when_its_finalizer_goes(
    #[values(State::Up, State::Slow, State::Dead)] state: State,
    #[values(true, false)] conditions: bool,
) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("finalizer");
    // Older than the webhook, so that there is something the policy would like to change.
    let object = json!({
        "metadata": {"finalizers": ["example.test/hold"]},
        "spec": {"managedBy": "example.test/nobody"},
    });
    for name in ["running", "finished"] {
        space.create(&job(name, object.clone())).ok();
    }
    space.finish_job("finished", Finish::Failed, days_ago(1));
    let patient = Patient::new(plane, state);
    let _registration = register(&space, &patient, conditions);
    for name in ["running", "finished"] {
        plane.api.delete(&space.path(&format!("jobs/{name}"))).ok();
        assert!(space.find_job(name).is_some(), "{name} waits for its finalizer");
        // A label goes with it, as a controller does that notes what it did.
        let patch = json!({"metadata": {"finalizers": null, "labels": {"released": "yes"}}});
        let reply = space.patch_job(name, &patch);
        let annotations = plane.audit.annotations(&reply);
        assert!(!annotations.to_string().contains("\\\"mutated\\\":true"), "{annotations}");
        reply.ok();
        assert!(space.find_job(name).is_none(), "{name} is still there");
    }
}

/// Of an object that stays, too: garbage collection and owners do that.
#[rstest]
fn a_finalizer_goes_from_a_job_that_stays(
    #[values(State::Up, State::Slow, State::Dead)] state: State,
) {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("stays");
    space.create(&job("one", json!({"metadata": {"finalizers": ["example.test/hold"]}}))).ok();
    let patient = Patient::new(plane, state);
    let _registration = register(&space, &patient, false);
    let reply = space.patch_job("one", &json!({"metadata": {"finalizers": null}}));
    let stored = reply.ok();
    assert_eq!(stored["metadata"]["finalizers"], json!(null));
    // Nothing that we watch changed in this request.
    assert_eq!(ttl(&stored), &json!(null));
}

fn register<'a>(space: &Namespace<'a>, patient: &Patient, conditions: bool) -> Registration<'a> {
    let webhooks: Vec<Value> = if conditions {
        registration::curfew(&patient.endpoint)
    } else {
        registration::curfew_unconditional(&patient.endpoint)
    };
    // As in the chart.
    let limit = json!({"timeoutSeconds": 2});
    let webhooks: Vec<Value> =
        webhooks.into_iter().map(|webhook| merged(webhook, &limit)).collect();
    Registration::new("curfew", &[space], &webhooks)
}

const POLICY: &str = r#"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  rules:
    - name: all
      match: {namespaces: ["*"]}
      ttl: 15m
      enforce: true
"#;
