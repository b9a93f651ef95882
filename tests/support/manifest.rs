//! Jobs and `CronJobs` to send, as small as the API server takes them.

use std::borrow::Borrow;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

/// A Job; `overlay` is merged into it as a merge patch would be.
pub fn job(name: &str, overlay: Value) -> Value {
    let base = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": pod()},
    });
    merged(base, overlay)
}

/// A `CronJob` that does not start anything while a test looks at it.
pub fn cron_job(name: &str, overlay: Value) -> Value {
    let base = json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "0 2 1 1 *", "jobTemplate": {"spec": {"template": pod()}}},
    });
    merged(base, overlay)
}

/// The status of a Job that finished at `time`.
pub fn finished(condition: Finish, time: Timestamp) -> Value {
    let time = seconds(time);
    let entry = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": time, "lastTransitionTime": time, "reason": "Test", "message": "written by a test"});
    let mut status = json!({"startTime": time, "uncountedTerminatedPods": {}, "ready": 0});
    match condition {
        Finish::Complete => {
            status["conditions"] = json!([entry("SuccessCriteriaMet"), entry("Complete")]);
            status["completionTime"] = json!(time);
            status["succeeded"] = json!(1);
        }
        Finish::Failed => {
            status["conditions"] = json!([entry("FailureTarget"), entry("Failed")]);
            status["failed"] = json!(1);
        }
    }
    json!({"status": status})
}

/// How a Job can end.
#[derive(Clone, Copy, Debug)]
pub enum Finish {
    Complete,
    Failed,
}

pub fn days_ago(days: i64) -> Timestamp {
    clock::now() - (days * 24).hours()
}

/// JSON is YAML, so this is what `kubectl … -f -` reads.
pub fn merged(mut base: Value, overlay: impl Borrow<Value>) -> Value {
    json_patch::merge(&mut base, overlay.borrow());
    base
}

fn pod() -> Value {
    json!({"spec": {
        "restartPolicy": "Never",
        "containers": [{"name": "worker", "image": "busybox", "command": ["true"]}],
    }})
}

/// The API server wants whole seconds.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Without the `creationTimestamp: null` that Kubernetes 1.33 writes into templates, and later
/// versions leave out.
pub fn timely(mut object: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|key, value| key != "creationTimestamp" || !value.is_null());
                members.values_mut().for_each(walk);
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut object);
    object
}
