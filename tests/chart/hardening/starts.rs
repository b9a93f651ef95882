//! Creating Jobs, and writing down that they were created: what a scheduler does, and nothing that a
//! stolen token could do with the same rights. A scheduler of another test would take it for a rival's.

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::account::{Account, allowed, refused, scene, start_of};
use crate::helm::NAMESPACE;
use crate::support::{
    api::Patch,
    manifest::{cron_job, job, merged},
    namespace::Namespace,
    scheduling::alone,
};

#[test]
fn only_jobs_of_cronjobs_are_created() {
    let Some((account, space)) = scene("create") else { return };
    let _alone = alone();
    let cronjob = space.create(&cron_job("nightly", json!({}))).ok();
    let good = start_of(&cronjob, SLOT);
    let with = |pointer: &str, value: Value| {
        let mut job = good.clone();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        job.pointer_mut(parent).unwrap()[member] = value;
        job
    };
    let owner = &good["metadata"]["ownerReferences"][0];
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": owner["uid"]});
    let bad = [
        job("plain", json!({})),
        with("/metadata/annotations", json!({})),
        with("/metadata/ownerReferences", json!([owner, other])),
        with("/spec/manualSelector", json!(true)),
        with("/metadata/finalizers", json!(["example.test/kept"])),
    ];
    let of_owner = |member: &str, value: Value| {
        let mut owner = owner.clone();
        owner[member] = value;
        with("/metadata/ownerReferences", json!([owner]))
    };
    let bad = bad.into_iter().chain([
        of_owner("controller", json!(false)),
        of_owner("blockOwnerDeletion", json!(false)),
        of_owner("kind", json!("Job")),
        of_owner("uid", json!("invented")),
    ]);
    let create = |job: &Value| account.create(&space, job);
    for mut job in bad {
        if job["spec"]["manualSelector"] == true {
            // Or the API server itself would have something against it.
            let labels = json!({"labels": {"a": "b"}});
            job["spec"]["selector"] = json!({"matchLabels": {"a": "b"}});
            job["spec"]["template"]["metadata"] = labels;
        }
        refused(&create(&job), "creates Jobs of CronJobs");
    }
    for name in ["other-29400000", "nightly-manual", "nightly-29400000"] {
        refused(&create(&with("/metadata/name", json!(name))), "the name that belongs to its time");
    }
    let soon = (clock::now() + 10.minutes()).strftime("%FT%TZ").to_string();
    refused(&create(&start_of(&cronjob, &soon)), "not before that");
    refused(&account.send("POST", &space.path("jobs"), &good), "under its own name");
    let forged = json!([{
        "manager": "argocd-controller", "operation": "Update", "apiVersion": "batch/v1",
        "time": "2026-11-20T00:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:labels": {"f:job-name": {}}}},
    }]);
    let by_others = create(&with("/metadata/managedFields", forged));
    refused(&by_others, "creates no entry of others");
    allowed(&create(&good));
}

/// A time zone changes how the time of a start is written, and no name.
#[test]
fn a_start_may_be_written_in_any_zone() {
    let Some((account, space)) = scene("zones") else { return };
    let _alone = alone();
    let cronjob = space.create(&cron_job("nightly", json!({}))).ok();
    for (slot, written) in [
        ("2026-11-20T00:00:00Z", "2026-11-20T05:45:00+05:45"),
        ("2026-11-20T00:01:00Z", "2026-11-19T13:01:00-11:00"),
        // Of `@every`, not on the minute.
        ("2026-11-20T00:02:59Z", "2026-11-20T00:02:59Z"),
    ] {
        let mut start = start_of(&cronjob, slot);
        start["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] =
            json!(written);
        allowed(&account.create(&space, &start));
    }
}

/// The way to the whole cluster, if it were one: any service account of kube-system, and a node.
#[test]
fn no_job_is_started_in_a_system_namespace() {
    let Some((account, _)) = scene("system") else { return };
    let _alone = alone();
    let invented = json!({"metadata": {"name": "invented",
        "uid": "0f0e0d0c-0b0a-4908-8706-050403020100"}});
    let privileged = json!({"spec": {"template": {"spec": {
        "serviceAccountName": "generic-garbage-collector",
        "hostPID": true,
        "volumes": [{"name": "node", "hostPath": {"path": "/"}}],
        "containers": [{"name": "worker", "image": "busybox",
            "volumeMounts": [{"name": "node", "mountPath": "/node"}]}],
    }}}});
    let attack = merged(start_of(&invented, SLOT), privileged);
    for name in ["kube-system", "kube-public", "kube-node-lease", NAMESPACE] {
        let space = Namespace::open(account.plane, name, &json!({}));
        let reply = account.create(&space, &attack);
        refused(&reply, "creates nothing in a system namespace or its own");
        space.create(&cron_job("shown", json!({}))).ok();
        let status = json!({"status": {"lastScheduleTime": "2026-11-20T00:00:00Z"}});
        let reply = account.patch(&space, "cronjobs/shown/status", &status);
        refused(&reply, "changes nothing in a system namespace or its own");
        account.plane.api.delete(&space.path("cronjobs/shown")).ok();
    }
}

/// `Own` starts what is in system namespaces, too: whose `CronJob`s are started is not up to the
/// policy's exemptions. `Backstop` leaves them alone.
#[test]
fn the_writes_of_the_scheduler_pass() {
    let Some((plain, space)) = scene("scheduler") else { return };
    let _alone = alone();
    let Some(own) = Account::of(plain.plane, "owner") else { return };
    let system = Namespace::open(plain.plane, "kube-system", &json!({}));
    for (account, place) in [(&plain, &space), (&own, &space), (&own, &system)] {
        let cronjob = place.create(&cron_job("started", json!({}))).ok();
        let start = start_of(&cronjob, SLOT);
        let created = account.create(place, &start).ok();
        let name = created["metadata"]["name"].as_str().unwrap();
        let active = json!({"apiVersion": "batch/v1", "kind": "Job", "name": name,
            "namespace": place.name, "uid": created["metadata"]["uid"]});
        for status in [
            json!({"status": {"lastScheduleTime": SLOT, "active": [active]}}),
            json!({"status": {"active": null, "lastSuccessfulTime": "2026-11-20T00:01:00Z"}}),
            json!({"status": {"lastScheduleTime": written(clock::now())}}),
        ] {
            allowed(&account.patch(place, "cronjobs/started/status", &status));
        }
        for path in [&format!("jobs/{name}"), "cronjobs/started"] {
            place.plane.api.delete(&place.path(path)).ok();
        }
    }
}

/// What stops a `CronJob` until then, or starts it once more.
#[test]
fn no_start_is_written_down_that_is_to_come() {
    let Some((account, space)) = scene("status") else { return };
    let _alone = alone();
    space.create(&cron_job("one", json!({}))).ok();
    let path = space.path("cronjobs/one/status");
    for member in ["lastScheduleTime", "lastSuccessfulTime"] {
        let write = |value: Value| {
            account.patch(&space, "cronjobs/one/status", &json!({"status": {member: value}}))
        };
        let soon = written(clock::now() + 10.minutes());
        let to_come = "no time that is to come";
        for time in ["2099-01-01T00:00:00Z", &soon] {
            refused(&write(json!(time)), to_come);
        }
        allowed(&write(json!("2026-11-20T00:00:00Z")));
        refused(&write(json!("2099-01-01T00:00:00Z")), to_come);
        for back in [json!("2026-11-19T00:00:00Z"), json!("1970-01-01T00:00:00Z"), Value::Null] {
            refused(&write(back), to_come);
        }
        allowed(&write(json!("2026-11-20T00:01:00Z")));
        // A time of its own in `managedFields` is of no use: the API server puts its own there.
        let mut object = account.plane.api.get(&path).ok();
        object["status"][member] = json!("2099-01-01T00:00:00Z");
        for entry in object["metadata"]["managedFields"].as_array_mut().unwrap() {
            entry["time"] = json!("2099-01-01T00:00:00Z");
        }
        let path = super::account::as_curfew(&path);
        let reply = account.api.put(&path, &object);
        assert_eq!(reply.status, 403, "{}", reply.body);
        // Under another version its entry would be another one.
        for entry in object["metadata"]["managedFields"].as_array_mut().unwrap() {
            entry["apiVersion"] = json!("batch/v1beta1");
        }
        let reply = account.api.put(&path, &object);
        assert_eq!(reply.status, 403, "{}", reply.body);
    }
    // Somebody else may have done so.
    account
        .plane
        .api
        .patch(
            Patch::Merge,
            &path,
            &json!({"status": {"lastScheduleTime": "2099-01-01T00:00:00Z"}}),
        )
        .ok();
    allowed(&account.patch(&space, "cronjobs/one/status", &json!({"status": {"active": null}})));
}

/// The built-in controller deletes what a `CronJob` with `Replace` lists, by namespace and name.
#[test]
fn no_job_of_others_is_listed_as_active() {
    let Some((account, space)) = scene("active") else { return };
    let _alone = alone();
    let replace = json!({"spec": {"concurrencyPolicy": "Replace"}});
    space.create(&cron_job("a.b", replace)).ok();
    let entry = |namespace: &str, name: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "namespace": namespace, "name": name,
            "uid": "0f0e0d0c-0b0a-4908-8706-050403020100"})
    };
    let with = |member: &str, value: Value| {
        let mut entry = entry(&space.name, "a.b-29400000");
        entry[member] = value;
        entry
    };
    let list = |entries: &[Value]| {
        account.patch(&space, "cronjobs/a.b/status", &json!({"status": {"active": entries}}))
    };
    let others = "lists no Job but one of a start of it";
    for bad in [
        entry("kube-system", "a.b-29400000"),
        entry("kube-system", "x"),
        entry(&space.name, "x"),
        entry(&space.name, "a.b"),
        entry(&space.name, "a.b-"),
        entry(&space.name, "a.b-manual"),
        entry(&space.name, "a.b-29400000-1"),
        entry(&space.name, "axb-29400000"),
        entry(&space.name, "other-a.b-29400000"),
        with("name", Value::Null),
        with("kind", json!("Pod")),
        with("apiVersion", json!("v1")),
    ] {
        refused(&list(std::slice::from_ref(&bad)), others);
        refused(&list(&[entry(&space.name, "a.b-29400000"), bad]), others);
    }
    allowed(&list(&[entry(&space.name, "a.b-29400000"), with("namespace", Value::Null)]));

    // What stands there stays, in the namespace in which curfew looks for it; it gets no uid.
    let stored = json!({"status": {"active": [entry("elsewhere", "x")]}});
    space.plane.api.patch(Patch::Merge, &space.path("cronjobs/a.b/status"), &stored).ok();
    let mut renamed = entry("elsewhere", "x");
    renamed["uid"] = json!("1f0e0d0c-0b0a-4908-8706-050403020100");
    refused(&list(&[renamed]), others);
    refused(&list(&[entry("kube-system", "x")]), others);
    allowed(&list(&[entry("elsewhere", "x"), entry(&space.name, "a.b-29400000")]));
    allowed(&list(&[entry(&space.name, "x"), entry(&space.name, "a.b-29400001")]));
    allowed(&list(&[]));

    // As many as there may be.
    let many: Vec<Value> =
        (0..2000).map(|n| entry(&space.name, &format!("a.b-{}", 29_400_000 + n))).collect();
    allowed(&list(&many));
    allowed(&list(&many[1..]));
}

fn written(time: Timestamp) -> String {
    time.strftime("%FT%TZ").to_string()
}

const SLOT: &str = "2026-11-20T00:00:00Z";
