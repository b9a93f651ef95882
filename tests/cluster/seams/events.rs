//! Events as people see them.

use curfew::cluster::events::{About, Event, Recorder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{cluster, cluster_of, soon};
use crate::support::{control_plane, manifest::job, namespace::Namespace, wait::runtime};

fn event(space: &Namespace<'_>, stored: &Value, note: &str) -> Event {
    let text = |field: &str| stored["metadata"][field].as_str().unwrap_or_default().to_owned();
    Event {
        about: About {
            api_version: "batch/v1",
            kind: "Job",
            namespace: space.name.clone(),
            name: text("name"),
            uid: text("uid"),
        },
        warning: false,
        reason: "Deleted",
        action: "Delete",
        note: note.to_owned(),
    }
}

fn events(space: &Namespace<'_>) -> Vec<Value> {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", space.name);
    space.plane.api.get(&path).ok()["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn events_are_written_and_become_one() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("events");
    let stop = CancellationToken::new();
    let client = cluster(plane).client;
    let (recorder, task) =
        runtime().block_on(async { Recorder::start(client, "replica-1", stop.clone()) });
    let one = space.create(&job("one", json!({}))).ok();
    let two = space.create(&job("two", json!({}))).ok();
    for _ in 0..3 {
        recorder.record(event(&space, &one, "rule dev: finished 8 days ago"));
    }
    recorder.record(event(&space, &two, &"x".repeat(2000)));
    for number in 0..14 {
        recorder.record(Event { warning: true, ..event(&space, &two, &number.to_string()) });
    }
    // One, a long one, nine that differ, and one for the rest.
    let seen = soon("all are written", || {
        let seen = events(&space);
        let last = seen.iter().any(|event| event["series"]["count"] == 5);
        (seen.len() == 12 && last).then_some(seen)
    });
    let same = seen.iter().find(|event| event["regarding"]["name"] == "one").expect("written");
    assert_eq!(same["series"]["count"], 3);
    assert_eq!(same["regarding"]["uid"], one["metadata"]["uid"]);
    assert_eq!(same["reportingController"], "curfew.dev/controller");
    assert_eq!(same["reportingInstance"], "replica-1");
    let described = space.kubectl.ok(&["describe", "job", "one"]).stdout;
    assert!(described.contains("rule dev: finished 8 days ago"), "{described}");
    let combined = seen.iter().find(|event| event["series"]["count"] == 5).expect("seen above");
    assert_eq!(combined["note"], "(combined from similar events): 9");
    assert_eq!(recorder.dropped(), 0);
    // What is in the queue is still written when it ends.
    recorder.record(event(&space, &one, "last words"));
    stop.cancel();
    runtime().block_on(task).expect("the recorder does not panic");
    assert!(events(&space).iter().any(|event| event["note"] == "last words"));
}

#[test]
fn what_the_api_server_refuses_is_dropped_and_harms_nobody() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("silent");
    let stop = CancellationToken::new();
    let client = cluster_of(&plane.kubeconfig_for("nobody-tells", None)).client;
    let (recorder, task) =
        runtime().block_on(async { Recorder::start(client, "replica-1", stop.clone()) });
    let one = space.create(&job("one", json!({}))).ok();
    recorder.record(event(&space, &one, "nobody hears"));
    soon("it is counted", || (recorder.dropped() == 1).then_some(()));
    // Nobody empties the queue any more: the rest is dropped at once.
    stop.cancel();
    runtime().block_on(task).expect("the recorder does not panic");
    recorder.record(event(&space, &one, "nobody is there"));
    assert_eq!(recorder.dropped(), 2);
    assert_eq!(events(&space).len(), 0);
}
