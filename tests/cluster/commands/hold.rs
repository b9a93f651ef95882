//! `curfew hold`: annotation, TTL and record at once.

use jiff::ToSpan;
use serde_json::{Value, json};

use super::{User, child_of, finished_at, from_now};
use crate::support::{
    control_plane,
    manifest::{cron_job, job},
    scene::{record, ttl},
};

fn until(job: &Value) -> &Value {
    &job["metadata"]["annotations"]["curfew.dev/hold-until"]
}

#[test]
fn a_hold_raises_at_once_and_its_release_restores() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("hold");
    let finish = curfew::clock::now() - 60.seconds();
    let own = json!({"spec": {"ttlSecondsAfterFinished": 1000}});
    let before = finished_at(&space, "one", finish, &own);
    let user = User::admin(plane);
    let hold = |arguments: &[&str]| {
        let name = format!("job/{}/one", space.name);
        user.run(&[&["hold", "--policy", "policy.yaml", &name], arguments].concat())
    };
    let ended = hold(&["2h"]).code(0);
    let stored = space.job("one");
    let date = until(&stored).as_str().expect("it is held");
    // The API knows the finish in whole seconds.
    let seconds = ttl(&stored).as_i64().expect("it has a TTL");
    assert!((7260..=7290).contains(&seconds), "{seconds}");
    assert_eq!(record(&stored), json!({"ttl": [seconds, 1000, "hold"]}));
    assert!(ended.stdout.contains(&format!("is held until {date}; its TTL is")), "{ended:?}");

    // Another date, and an exact one: shorter is shorter.
    let exact = from_now(3600);
    hold(&[&exact]).code(0);
    let stored = space.job("one");
    assert_eq!(until(&stored), exact.as_str());
    assert!((3600..=3680).contains(&ttl(&stored).as_i64().expect("it has a TTL")));

    // limits.hold bounds it: seven days after the end.
    let ended = hold(&["30d"]).code(0);
    assert!(ended.stdout.contains("when limits.hold ends it; its TTL is 7d"), "{ended:?}");
    assert_eq!(ttl(&space.job("one")), 604_800);

    let ended = hold(&["--release"]).code(0);
    assert!(
        ended.stdout.contains("is released; its TTL is 16m40s from now on, and ends at"),
        "{ended:?}"
    );
    let released = space.job("one");
    assert_eq!(ttl(&released), 1000);
    assert_eq!(released["metadata"]["annotations"], before["metadata"]["annotations"]);
    let ended = hold(&["--release"]).code(0);
    assert!(ended.stdout.contains("is not held"), "{ended:?}");
    assert_eq!(
        space.job("one")["metadata"]["resourceVersion"],
        released["metadata"]["resourceVersion"]
    );
}

#[test]
fn what_a_hold_cannot_do_is_told() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("holds");
    let nightly = space.create(&cron_job("nightly", json!({}))).ok();
    let finish = curfew::clock::now() - 3600.seconds();
    let mut child = child_of(&nightly);
    child["spec"] = json!({"ttlSecondsAfterFinished": 60});
    finished_at(&space, "nightly-1", finish, &child);
    finished_at(&space, "without", finish, &json!({}));
    space.create(&job("running", json!({"spec": {"ttlSecondsAfterFinished": 60}}))).ok();
    let user = User::admin(plane);
    let hold = |arguments: &[&str]| {
        let common = ["hold", "--policy", "policy.yaml", "-n", &space.name];
        user.run(&[&common[..], arguments].concat())
    };
    // Its TTL is long over, and history limits know no holds.
    let ended = hold(&["job/nightly-1", "1d"]).code(0);
    assert!(ended.stderr.contains("may come too late"), "{ended:?}");
    assert!(ended.stderr.contains("does not stop the CronJob's history limits"), "{ended:?}");
    assert!(ttl(&space.job("nightly-1")).as_i64() > Some(86_400));

    // There is nothing to raise, and nothing of the policy's is slipped in.
    let ended = hold(&["job/without", "1d"]).code(0);
    assert!(ended.stdout.contains("it has no TTL"), "{ended:?}");
    assert_eq!(ttl(&space.job("without")), &json!(null));
    assert!(until(&space.job("without")).is_string());

    // While it runs, as long as may be.
    hold(&["job/running", "1d"]).code(0);
    assert_eq!(ttl(&space.job("running")), 604_800);
    assert_eq!(record(&space.job("running")), json!({"ttl": [604_800, 60, "hold"]}));

    let off = super::POLICY.replace("spec:\n", "spec:\n  mode: Off\n");
    user.folder.write("policy.yaml", off);
    let ended = hold(&["job/running", "2d"]).code(1);
    assert!(ended.stdout.contains("the policy is off here"), "{ended:?}");
    user.folder.write("policy.yaml", super::POLICY);

    for (arguments, said) in [
        (&["job/missing", "1d"][..], "is not there"),
        (&["cronjob/nightly", "1d"], "cannot be held"),
        (&["job/other/running", "1d"], "-n says"),
        (&["job/running", "2020-01-01T00:00:00Z"], "has passed"),
        (&["job/running", "soon"], "expected a duration"),
        (&["job/running"], "required"),
        (&["running", "1d"], "expected job/NAMESPACE/NAME"),
        (&["job/running", "1d", "--release"], "cannot be used with"),
    ] {
        let ended = hold(arguments).code(2);
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
    let nobody = User::with(&plane.kubeconfig_for("nobody-holds", None));
    let name = format!("job/{}/running", space.name);
    let ended = nobody.run(&["hold", &name, "1d", "--policy", "policy.yaml"]).code(3);
    assert!(ended.stderr.contains("not permitted"), "{ended:?}");
}

/// What is held is not swept, also by a plan that knows nothing of the hold.
#[test]
fn a_held_job_is_not_planned_for() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("kept");
    // Longer ago than limits.hold reaches: a clean-up by age takes the owner's word in full.
    let finish = curfew::clock::now() - (9 * 24).hours();
    for name in ["one", "two"] {
        finished_at(&space, name, finish, &json!({}));
    }
    let user = User::admin(plane);
    let plan = ["plan", "--older-than", "2d", "-n", &space.name, "-o"];
    let ended = user.run(&[&plan[..], &["yaml"]].concat()).code(1);
    user.folder.write("plan.yaml", &ended.stdout);
    let name = format!("job/{}/one", space.name);
    let ended = user.run(&["hold", &name, "1d", "--policy", "policy.yaml"]).code(1);
    assert!(ended.stdout.contains("is annotated, and not held: limits.hold"), "{ended:?}");
    let ended = user.run(&[&plan[..], &["name"]].concat()).code(1);
    assert_eq!(ended.stdout, format!("job/{}/two\n", space.name));
    user.run(&["sweep", "plan.yaml", "--yes"]).code(1);
    assert_eq!(space.jobs().len(), 1);
    assert!(until(&space.job("one")).is_string());
}

/// Who may do no more than look after their own Jobs can hold them.
#[test]
fn the_owner_of_a_job_needs_no_other_rights() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("owner");
    space.create(&job("one", json!({"spec": {"ttlSecondsAfterFinished": 60}}))).ok();
    let kubeconfig = plane.kubeconfig_for("owner-of-jobs", None);
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", space.name);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "own"},
        "rules": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "patch"]}],
    });
    let bind = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "own"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "own"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "owner-of-jobs"}],
    });
    plane.api.post(&format!("{rbac}/roles"), &role).ok();
    plane.api.post(&format!("{rbac}/rolebindings"), &bind).ok();
    let owner = User::with(&kubeconfig);
    let name = format!("job/{}/one", space.name);
    let ended = owner.run(&["hold", &name, "1d"]).code(0);
    assert!(ended.stderr.contains("the policy in force may not be read"), "{ended:?}");
    assert_eq!(ttl(&space.job("one")), 604_800);
    let ended = owner.run(&["hold", &name, "1d"]).code(0);
    assert!(ended.stdout.contains("its TTL stays 7d"), "{ended:?}");
}

/// What could not be given back is not raised, and the user learns that the Job is not kept.
#[test]
fn a_job_without_room_for_the_record_is_not_held() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("hold-room");
    let finish = curfew::clock::now() - 60.seconds();
    let full = json!({"metadata": {"annotations": {"a": "x".repeat(262_090)}},
        "spec": {"ttlSecondsAfterFinished": 1000}});
    finished_at(&space, "one", finish, &full);
    let name = format!("job/{}/one", space.name);
    let ended = User::admin(plane).run(&["hold", "--policy", "policy.yaml", &name, "2h"]).code(1);
    let told = "and nothing else: its annotations leave no room for the record curfew.dev/applied";
    assert!(ended.stdout.contains(told), "{ended:?}");
    assert_eq!(ttl(&space.job("one")), 1000);
}
