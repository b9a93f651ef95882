//! etcd is full: what works, what does not, and what comes back by itself. `docs/etcd-full.md` tells
//! it to people, and nothing that is not seen here.

use std::time::Duration;

use serde_json::{Value, json};

use super::User;
use crate::support::{
    api::Reply,
    assets::Absent,
    control_plane::ControlPlane,
    manifest::{Finish, days_ago, job},
    namespace::Namespace,
    registration::{self, Registration},
    scene::ttl,
    sweeping::{LIMIT, Sweeping, finished_job},
    wait::{eventually, throughout},
};

#[test]
fn an_etcd_without_room_stops_what_writes_and_lets_it_go_on() {
    let Ok(plane) = ControlPlane::start_small(ROOM).inspect_err(Absent::report) else { return };
    let plane: &'static ControlPlane = Box::leak(Box::new(plane));
    let (space, other) = (plane.namespace("full"), plane.namespace("other"));
    for name in ["background", "foreground", "orphaned", "swept"] {
        finished_job(&other, name, Finish::Complete, days_ago(9), json!({}));
    }
    let keeps = json!({"metadata": {"finalizers": ["example.test/keep"]}});
    finished_job(&other, "finalized", Finish::Complete, days_ago(9), keeps);
    expire_before(plane, &other);
    finished_job(&space, "yesterdays", Finish::Complete, days_ago(1), json!({}));
    let user = User::admin(plane);
    let sweeping = Sweeping::over(space, "{ttl: 7d, stored: Delete}");
    let space = &sweeping.space;
    sweeping.wait_for_leader();
    let webhooks = registration::curfew(&sweeping.curfew.endpoint());
    let _registration = Registration::new("curfew", &[space], &webhooks);
    fill(&other);

    // Nothing is stored any more, and everything is still read. The webhook answers as ever.
    assert!(is_full(&space.create(&job("new", json!({})))));
    assert!(is_full(&space.patch_job("yesterdays", &json!({"metadata": {"labels": {"a": "b"}}}))));
    assert_eq!(ttl(&space.dry_run(&job("new", json!({}))).ok()), 604_800);
    assert_eq!(sweeping.curfew.admin("/readyz").expect("it answers").0, 200);

    // The leader cannot renew its Lease, and stops. What is due by a new policy waits.
    let leads = || sweeping.curfew.metric("curfew_leader") > 0.0;
    eventually("it no longer leads", LIMIT, || (!leads()).then_some(()));
    sweeping.set_rule("{ttl: 1h, stored: Delete}");
    told_by_log(&sweeping);

    // What is gone at once can go. What has to be written to first cannot.
    let delete = |name: &str, how: &str| {
        let body = json!({"propagationPolicy": how}).to_string();
        let path = other.path(&format!("jobs/{name}"));
        plane.api.call("DELETE", &path, "application/json", body.into_bytes())
    };
    delete("background", "Background").ok();
    assert!(other.find_job("background").is_none());
    assert!(is_full(&delete("foreground", "Foreground")));
    assert!(is_full(&delete("orphaned", "Orphan")));
    assert!(is_full(&delete("finalized", "Background")));
    // So a plan can be carried out, which needs no Lease.
    let planned = user.run(&["plan", "--older-than", "7d", "-n", &other.name, "-o", "yaml"]);
    user.folder.write("plan.yaml", planned.code(1).stdout);
    let swept = user.run(&["sweep", "plan.yaml", "--yes", "-o", "json"]).json();
    assert_eq!((&swept["deleted"], &swept["failed"]), (&json!(3), &json!(1)), "{swept:#}");
    assert!(other.find_job("swept").is_none() && other.find_job("finalized").is_some());
    // The built-in controller deletes in the foreground.
    plane.signal_controllers("CONT");
    eventually("it tries to", LIMIT, || plane.controllers_log().contains(FULL).then_some(()));
    assert!(other.find_job("expired").is_some());
    throughout("what is due stays", Duration::from_secs(2), || {
        !leads() && space.find_job("yesterdays").is_some()
    });

    make_room(plane, &other);
    eventually("it leads again", LIMIT, || leads().then_some(()));
    eventually("what is due goes", LIMIT, || space.find_job("yesterdays").is_none().then_some(()));
    let gone = || other.find_job("expired").is_none().then_some(());
    eventually("the built-in controller goes on", LIMIT, gone);
    assert_eq!(ttl(&space.create(&job("new", json!({}))).ok()), 3600);
    plane.stop();
}

/// Stores what nobody needs until the API server says that there is no room.
fn fill(space: &Namespace<'_>) {
    let mut replies = (0..100).map(|_| store(space));
    let last = replies.find(|reply| reply.status != 201);
    assert!(is_full(&last.expect("it becomes full")));
}

/// Stores what there is no room for any more where there was none once: something smaller might still
/// fit.
fn store(space: &Namespace<'_>) -> Reply {
    let large = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "large-"},
        "data": {"what": "x".repeat(900_000)},
    });
    space.plane.api.post(&configmaps(space), &large)
}

fn configmaps(space: &Namespace<'_>) -> String {
    format!("/api/v1/namespaces/{}/configmaps", space.name)
}

#[track_caller]
fn is_full(reply: &Reply) -> bool {
    let message = reply.body["message"].as_str().unwrap_or_default();
    (reply.status, message) == (500, FULL)
}

/// A Job whose TTL is over, and the built-in controllers that have not seen it yet.
fn expire_before(plane: &ControlPlane, space: &Namespace<'_>) {
    let controllers = ["garbage-collector-controller", "ttl-after-finished-controller"];
    plane.run_controllers(&controllers).expect("they are there where the API server is");
    let over = json!({"spec": {"ttlSecondsAfterFinished": 60}});
    finished_job(space, "first", Finish::Complete, days_ago(1), over.clone());
    let gone = || space.find_job("first").is_none().then_some(());
    eventually("the controllers are at work", LIMIT, gone);
    plane.signal_controllers("STOP");
    finished_job(space, "expired", Finish::Complete, days_ago(1), over);
}

/// The log names the request that failed, and why.
fn told_by_log(sweeping: &Sweeping) {
    let log = sweeping.curfew.process.log();
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    // The leader renews it, and notes its status there: whichever comes first.
    let failed = lines.iter().find(|line| {
        line["message"] == "a request to the API server came to nothing"
            && line["path"] == sweeping.lease_path()
            && line["method"] == "PUT"
    });
    let failed = failed.unwrap_or_else(|| panic!("{log}"));
    let told = (&failed["level"], &failed["status"]);
    assert_eq!(told, (&json!("WARN"), &json!(500)));
    let why = |line: &Value| line["error"].as_str().is_some_and(|error| error.contains(FULL));
    assert!(lines.iter().any(|line| line["message"] == "the lease cannot be reached" && why(line)));
}

/// What an administrator does, in the order in which it helps; before the last step nothing does.
fn make_room(plane: &ControlPlane, space: &Namespace<'_>) {
    let store = || store(space);
    disarm(plane);
    assert!(is_full(&store()));
    plane.api.delete(&configmaps(space)).ok();
    disarm(plane);
    assert!(is_full(&store()));
    let status = plane.ask_etcd("maintenance/status", &json!({}));
    let revision = &status["header"]["revision"];
    plane.ask_etcd("kv/compaction", &json!({"revision": revision, "physical": true}));
    disarm(plane);
    assert!(is_full(&store()));
    plane.ask_etcd("maintenance/defragment", &json!({}));
    assert!(is_full(&store()));
    disarm(plane);
    store().ok();
}

/// Takes the alarm back that etcd has raised; it raises another one with the next write if it must.
fn disarm(plane: &ControlPlane) {
    let alarms = plane.ask_etcd("maintenance/alarm", &json!({"action": "GET"}));
    for alarm in alarms["alarms"].as_array().expect("there is one") {
        assert_eq!(alarm["alarm"], "NOSPACE");
        let mut request = alarm.clone();
        request["action"] = json!("DEACTIVATE");
        plane.ask_etcd("maintenance/alarm", &request);
    }
}

const FULL: &str = "etcdserver: mvcc: database space exceeded";

/// As little as leaves room for everything that an API server makes by itself.
const ROOM: u64 = 32 << 20;
