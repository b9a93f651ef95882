//! Conditional writes.

use std::sync::Arc;

use curfew::batch::Kind;
use curfew::cluster::pace::Rate;
use curfew::cluster::write::{Change, Gate, Target, WriteOutcome, Writer};
use curfew::policy::rule::Propagation;
use kube::Client;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{cluster, cluster_of};
use crate::support::{control_plane, manifest::job, wait::runtime};

fn target(stored: &Value) -> Target {
    let text = |field: &str| stored["metadata"][field].as_str().unwrap_or_default().to_owned();
    Target {
        kind: Kind::Job,
        namespace: text("namespace"),
        name: text("name"),
        uid: text("uid"),
        version: text("resourceVersion"),
    }
}

fn writer(client: Client) -> Writer {
    Writer::new(client, Gate::new(Rate::new(10_000)), CancellationToken::new())
}

fn write(writer: &Writer, target: &Target, change: &Change) -> WriteOutcome {
    runtime().block_on(writer.write(target, change))
}

fn changes() -> [(&'static str, Change); 4] {
    let operations = json!([{"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 7}]);
    let operations = serde_json::from_value(operations).expect("this is a JSON patch");
    [
        ("json patch", Change::Json(operations)),
        ("merge patch", Change::Merge(json!({"spec": {"ttlSecondsAfterFinished": 7}}))),
        ("delete", Change::Delete(Propagation::Background)),
        ("foreground delete", Change::Delete(Propagation::Foreground)),
    ]
}

#[test]
fn what_changed_since_it_was_judged_is_left_alone() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("stale");
    let writer = writer(cluster(plane).client);
    for (what, change) in changes() {
        let name = what.replace(' ', "-");
        let judged = target(&space.create(&job(&name, json!({}))).ok());
        // A hold, a longer TTL, anything.
        let held = space.touch_job(&name, "held");
        assert_eq!(write(&writer, &judged, &change), WriteOutcome::Changed, "{what}");
        assert_eq!(space.job(&name), held, "{what}");
        // Made anew under the same name.
        plane.api.delete(&space.path(&format!("jobs/{name}"))).ok();
        let anew = space.create(&job(&name, json!({}))).ok();
        for old in [&judged, &target(&held)] {
            assert_eq!(write(&writer, old, &change), WriteOutcome::Changed, "{what}");
        }
        assert_eq!(space.job(&name), anew, "{what}");
        assert_eq!(write(&writer, &target(&anew), &change), WriteOutcome::Done, "{what}");
        match space.find_job(&name) {
            Some(changed) if changed["metadata"]["deletionTimestamp"].is_string() => {
                assert_eq!(what, "foreground delete");
                assert_eq!(changed["metadata"]["finalizers"], json!(["foregroundDeletion"]));
            }
            Some(changed) => {
                assert_eq!(changed["spec"]["ttlSecondsAfterFinished"], 7, "{what}");
                let managers = changed["metadata"]["managedFields"].as_array();
                let ours = |entry: &&Value| entry["manager"] == "curfew";
                assert!(managers.is_some_and(|all| all.iter().any(|entry| ours(&entry))), "{what}");
            }
            None => assert_eq!(what, "delete"),
        }
    }
}

#[test]
fn every_outcome_has_its_name() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("outcomes");
    let admin = writer(cluster(plane).client);
    let nobody = writer(cluster_of(&plane.kubeconfig_for("nobody-writes", None)).client);
    let stored = target(&space.create(&job("one", json!({}))).ok());
    let missing = Target { name: "missing".to_owned(), ..stored.clone() };
    for (what, change) in changes() {
        assert_eq!(write(&admin, &missing, &change), WriteOutcome::Gone, "{what}");
        let refused = write(&nobody, &stored, &change);
        assert!(
            matches!(&refused, WriteOutcome::Refused(why) if why.contains("nobody-writes")),
            "{what}: {refused:?}"
        );
    }
    // What makes no sense is told from what has changed.
    let change = serde_json::from_value(json!([{"op": "remove", "path": "/spec/nonsense"}]));
    let failed = write(&admin, &stored, &Change::Json(change.expect("a JSON patch")));
    assert!(matches!(failed, WriteOutcome::Failed(_)), "{failed:?}");
    let failed =
        write(&admin, &stored, &Change::Merge(json!({"spec": {"ttlSecondsAfterFinished": -1}})));
    assert!(matches!(failed, WriteOutcome::Failed(_)), "{failed:?}");
}

/// As the sweeper drains: many at once through one gate.
#[test]
fn many_at_once() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("drain");
    let writer = Arc::new(writer(cluster(plane).client));
    let jobs = (0..60).map(|number| space.create(&job(&format!("one-{number}"), json!({}))).ok());
    let targets: Vec<Target> = jobs.map(|stored| target(&stored)).collect();
    let outcomes = runtime().block_on(async {
        let all = targets.into_iter().map(|target| {
            let writer = Arc::clone(&writer);
            async move { writer.write(&target, &Change::Delete(Propagation::Background)).await }
        });
        futures::future::join_all(all).await
    });
    assert_eq!(outcomes, vec![WriteOutcome::Done; 60]);
    assert_eq!(space.jobs().len(), 0);
}
