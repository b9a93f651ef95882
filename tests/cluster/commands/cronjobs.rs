//! `curfew cronjobs` of a cluster.

use std::process::Command;

use curfew::{batch::annotation::SCHEDULED, clock};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{User, child_of};
use crate::support::{
    api::Patch,
    control_plane,
    manifest::{Finish, cron_job, job, merged},
    namespace::Namespace,
};

fn write_status(space: &Namespace<'_>, name: &str, status: &Value) {
    let path = space.path(&format!("cronjobs/{name}/status"));
    space.plane.api.patch(Patch::Merge, &path, &json!({"status": status})).ok();
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

fn row<'r>(report: &'r Value, name: &str) -> &'r Value {
    let mut items = report["items"].as_array().expect("a report has items").iter();
    items.find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

/// A family made by hand, as nobody starts anything on this control plane.
#[test]
fn how_the_starts_of_stored_cronjobs_are_going() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("cronjobs");
    // Half an hour from everything that happens here.
    let minute = (clock::now().as_second().div_euclid(60) + 30).rem_euclid(60);
    let schedule = format!("{minute} * * * *");
    let hourly = |overlay: Value| {
        merged(json!({"spec": {"schedule": schedule, "timeZone": "Etc/UTC"}}), overlay)
    };
    let labelled = json!({"metadata": {"labels": {"team": "b"}}});
    let made = space.create(&cron_job("made", hourly(labelled))).ok();
    space.create(&cron_job("missed", hourly(json!({})))).ok();
    space.create(&cron_job("suspended", hourly(json!({"spec": {"suspend": true}})))).ok();
    let forbid = json!({"spec": {"concurrencyPolicy": "Forbid"}});
    let held = space.create(&cron_job("held", hourly(forbid))).ok();

    let created = time(&made["metadata"]["creationTimestamp"]);
    // The start before the creation is 0, the next one 1.
    let slot = |number: i64| {
        let passed = (created.as_second() - minute * 60).rem_euclid(3600);
        created - passed.seconds() + number.hours()
    };
    let start = |cronjob: &Value, name: &str| {
        let overlay = json!({
            "metadata": {"annotations": {SCHEDULED: slot(0).to_string()}},
            "spec": {"managedBy": "example.test/nobody"},
        });
        space.create(&job(name, merged(overlay, child_of(cronjob)))).ok()
    };
    let first = start(&made, "made-1");
    space.finish_job("made-1", Finish::Complete, created);
    let status = json!({"lastScheduleTime": slot(0), "lastSuccessfulTime": created});
    write_status(&space, "made", &status);
    let running = start(&held, "held-1");
    let reference = json!({
        "apiVersion": "batch/v1", "kind": "Job", "namespace": space.name, "name": "held-1",
        "uid": running["metadata"]["uid"],
    });
    write_status(&space, "held", &json!({"lastScheduleTime": slot(0), "active": [reference]}));

    let user = User::admin(plane);
    let now = (slot(2) + 10.minutes()).to_string();
    let common = ["cronjobs", "-n", &space.name, "--now", &now];
    let with = |more: &[&str]| user.run(&[&common[..], more].concat());
    let report = with(&["-o", "json"]).code(1).json();
    let missed = json!({"count": 2, "since": slot(1), "latest": slot(2), "why": "not-started"});
    assert_eq!(row(&report, "missed")["missed"], missed);
    assert_eq!(row(&report, "missed")["nextStart"], slot(3).to_string());
    assert_eq!(row(&report, "made")["lastSuccess"], created.to_string());
    let lag = time(&first["metadata"]["creationTimestamp"]).duration_since(slot(0)).as_secs();
    assert_eq!(row(&report, "made")["lagSeconds"], lag);
    assert_eq!(row(&report, "suspended")["states"], json!(["suspended"]));
    let held = row(&report, "held");
    assert_eq!((&held["heldBackBy"], &held["active"]), (&json!("held-1"), &json!(1)));
    // Another controller counts its Pods.
    assert_eq!(held["neverStarted"], json!([]));
    assert_eq!(held["missed"]["why"], "forbid");

    // A dump of the same says the same.
    let dump = space.kubectl.ok(&["get", "cronjobs,jobs", "-o", "json"]).stdout;
    user.folder.write("dump.json", dump);
    let command = ["cronjobs", "-f", "dump.json", "--now", &now, "-o", "json"];
    let mut dumped = Command::new(env!("CARGO_BIN_EXE_curfew"));
    let dumped = dumped.args(command).current_dir(user.folder.path()).output();
    let dumped = dumped.expect("curfew starts");
    let dumped: Value = serde_json::from_slice(&dumped.stdout).expect("it is JSON");
    assert_eq!(dumped, report);

    // Before anything was to start, all is well, and the tolerance is the user's.
    let early = (created + 1.seconds()).to_string();
    let fine = user.run(&["cronjobs", "-n", &space.name, "--now", &early, "-o", "name"]).code(0);
    let names = ["held", "made", "missed", "suspended"];
    let all: String = names.map(|name| format!("cronjob/{}/{name}\n", space.name)).concat();
    assert_eq!(fine.stdout, all);
    let chosen = with(&["-l", "team=b", "-o", "json"]).code(1).json();
    assert_eq!(chosen["items"].as_array().map(Vec::len), Some(1));
    // Its Job has no such label, and counts.
    assert_eq!(row(&chosen, "made")["lagSeconds"], lag);
    with(&["-l", "=x"]).code(2);
    with(&["--grace", "3h", "-l", "team=b"]).code(0);
    let table = with(&[]).code(1);
    assert!(table.stdout.contains("held back for 1h10m by job/held-1"), "{table:?}");

    // By the API server's clock, in every namespace.
    let everywhere = user.run(&["cronjobs", "-A", "-o", "name"]);
    assert!(everywhere.stdout.contains(&all), "{everywhere:?}");
}

/// A part is never shown as the whole.
#[test]
fn what_may_not_be_read_is_no_table() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("cronjobs");
    space.create(&cron_job("nightly", json!({}))).ok();
    let kubeconfig = plane.kubeconfig_for("cronjobs-only", None);
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", space.name);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "half"},
        "rules": [{"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["list"]}],
    });
    let bind = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "half"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "half"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "cronjobs-only"}],
    });
    plane.api.post(&format!("{rbac}/roles"), &role).ok();
    plane.api.post(&format!("{rbac}/rolebindings"), &bind).ok();
    let user = User::with(&kubeconfig);
    for scope in [&["-n", space.name.as_str()][..], &[]] {
        let ended = user.run(&[&["cronjobs"], scope].concat()).code(3);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("cronjobs-only\" cannot list resource"), "{ended:?}");
    }
    // With both it works, without rights on namespaces or on any policy.
    let rules = json!({"rules": [{"apiGroups": ["batch"], "resources": ["*"], "verbs": ["list"]}]});
    plane.api.patch(Patch::Merge, &format!("{rbac}/roles/half"), &rules).ok();
    let ended = user.run(&["cronjobs", "-n", &space.name]).code(0);
    assert!(ended.stdout.contains("nightly"), "{ended:?}");

    let ended = User::admin(plane).run(&["cronjobs", "-n", "missing"]).code(2);
    assert!(ended.stderr.contains("there is no namespace missing"), "{ended:?}");
}
