//! The delete contract (controllers.md), point by point, on a real API server, and what else the
//! sweeper promises about stored objects.

mod deleting;
mod finished;
mod flap;
mod input;
mod outcome;
mod protected;
mod races;
mod rights;
mod rows;
mod silent;
mod stopping;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    manifest::{Finish, days_ago},
    namespace::Namespace,
    sweeping::{Sweeping, finished_job},
    wait::eventually,
};

/// Waits as long as a slow machine may need.
#[track_caller]
fn soon<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    eventually(what, LIMIT, probe)
}

/// A Job that has been due for long is put there, and goes: the sweeper is awake, and has had the
/// time to see what was there before.
#[track_caller]
fn canary(sweeping: &Sweeping, name: &str) {
    let due = json!({"spec": {"ttlSecondsAfterFinished": 0}});
    gone(&sweeping.space, name, due);
}

/// The same by a sweeper that a test has started by itself.
#[track_caller]
fn gone(space: &Namespace<'_>, name: &str, overlay: Value) {
    finished_job(space, name, Finish::Complete, days_ago(1), overlay);
    soon("the canary goes", || space.find_job(name).is_none().then_some(()));
}

/// The names of the Jobs that are there, in order.
fn names(space: &Namespace<'_>) -> Vec<String> {
    let name = |job: &Value| job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    space.jobs().iter().map(name).collect()
}

/// Events about an object, oldest first.
fn events(space: &Namespace<'_>, kind: &str, name: &str) -> Vec<Value> {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", space.name);
    let list = space.plane.api.get(&path).ok();
    let mut events = list["items"].as_array().cloned().unwrap_or_default();
    events.retain(|event| event["regarding"]["kind"] == kind && event["regarding"]["name"] == name);
    events
}

/// An owner reference to an object of ours.
fn owned_by(owner: &Value, api_version: &str, kind: &str) -> Value {
    json!({"metadata": {"ownerReferences": [{
        "apiVersion": api_version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    }]}})
}

const LIMIT: Duration = Duration::from_secs(60);
