//! `managedFields`: by them the policy knows whose an object is, and the scheduler who starts it.

use serde_json::{Value, json};

use super::account::{Account, allowed, refused, scene};
use crate::support::{
    api::Patch,
    manifest::{cron_job, job, merged},
    namespace::Namespace,
    scheduling::alone,
};

#[test]
fn nobody_is_taken_out_of_managed_fields() {
    let Some((account, space)) = scene("wiped") else { return };
    let _alone = alone();
    let labelled = json!({"metadata": {"labels": {"b": "c"}}});
    space.create(&job("one", labelled.clone())).ok();
    space.create(&cron_job("one", labelled)).ok();
    for object in ["jobs/one", "cronjobs/one", "cronjobs/one/status"] {
        let label = json!({"metadata": {"labels": {"a": object.len().to_string()}}});
        let path = space.path(object.trim_end_matches("/status"));
        space.plane.api.with_agent("argocd-controller").patch(Patch::Merge, &path, &label).ok();
        let managers = || managers(&space, object);
        let before = managers();
        let change = |managed: Value| {
            let spec = match object {
                "jobs/one" => json!({"spec": {"ttlSecondsAfterFinished": 60}}),
                "cronjobs/one" => json!({"spec": {"failedJobsHistoryLimit": 5}}),
                _ => json!({"status": {"lastScheduleTime": "2026-11-20T00:00:00Z"}}),
            };
            merged(spec, json!({"metadata": {"managedFields": managed}}))
        };
        let refusal = "forges and removes no entry of others";
        let stored = space.plane.api.get(&path).ok()["metadata"]["managedFields"].clone();
        let entries = stored.as_array().unwrap();
        // All of them, each by itself, one that was not there, and one of more fields.
        let mut tries = vec![json!([{}])];
        for entry in entries.iter().filter(|entry| entry["manager"] != "curfew") {
            let rest: Vec<&Value> = entries.iter().filter(|other| *other != entry).collect();
            tries.push(json!(rest));
        }
        let mut forged = entries[0].clone();
        forged["manager"] = json!("kube-controller-manager");
        tries.push(json!(entries.iter().chain([&forged]).collect::<Vec<_>>()));
        for more in
            [json!({"f:spec": {"f:suspend": {}}}), json!({"f:metadata": {"f:labels": {"f:b": {}}}})]
        {
            let mut entries = entries.clone();
            let entry = entries.iter_mut().find(|entry| entry["manager"] == "argocd-controller");
            json_patch::merge(&mut entry.unwrap()["fieldsV1"], &more);
            tries.push(json!(entries));
        }
        for managed in tries {
            let reply = account.patch(&space, object, &change(managed));
            if object.ends_with("/status") {
                // Here the API server itself takes no such thing from anybody.
                allowed(&reply);
                assert!(before.iter().all(|manager| managers().contains(manager)));
                assert!(!managers().contains(&"kube-controller-manager".to_owned()));
            } else {
                refused(&reply, refusal);
                assert_eq!(managers(), before);
            }
        }
        // Under another name it would be somebody else.
        let path = space.path(object);
        let reply = account.api.patch(Patch::Merge, &path, &change(Value::Null));
        refused(&reply, "under its own name");
        let applied = account.api.patch(Patch::Apply("curfew"), &path, &applied(object));
        assert_eq!(applied.status, 403, "{}", applied.body);
        allowed(&account.patch(&space, object, &change(Value::Null)));
        assert!(managers().contains(&"curfew".to_owned()));
    }
}

/// Whoever set what curfew sets now owns less, or nothing more, and the API server takes it out.
#[test]
fn what_is_taken_over_passes() {
    let Some((account, space)) = scene("taken") else { return };
    let _alone = alone();
    space.create(&job("one", json!({}))).ok();
    space.create(&cron_job("one", json!({}))).ok();
    let record = json!({"metadata": {"annotations": {"curfew.dev/applied": "{}"}}});
    let ttl = |ttl: i64| json!({"spec": {"ttlSecondsAfterFinished": ttl}});
    let template = |note: &Value, seconds: i64| json!({"spec": {"jobTemplate": merged(note.clone(), ttl(seconds))}});
    let other = json!({"metadata": {"annotations": {"curfew.dev/applied": "{\"a\":1}"}}});
    let scheduled = |time: &str| json!({"status": {"lastScheduleTime": time}});
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    for (object, theirs, ours, more) in [
        ("jobs/one", merged(ttl(5), other.clone()), merged(ttl(6), record.clone()), label.clone()),
        (
            "cronjobs/one",
            template(&other, 5),
            template(&record, 6),
            json!({"spec": {"jobTemplate": label}}),
        ),
        (
            "cronjobs/one/status",
            scheduled("2026-11-20T00:00:00Z"),
            scheduled("2026-11-20T00:01:00Z"),
            json!({"status": {"lastSuccessfulTime": "2026-11-20T00:00:00Z"}}),
        ),
    ] {
        let path = space.path(object);
        for (theirs, stays) in [(merged(theirs.clone(), more), true), (theirs, false)] {
            space.plane.api.with_agent("kubectl-patch").patch(Patch::Merge, &path, &theirs).ok();
            let theirs = "kubectl-patch".to_owned();
            let before = managers(&space, object);
            assert!(before.contains(&theirs), "{before:?}");
            allowed(&account.patch(&space, object, &ours));
            let after = managers(&space, object);
            assert!(after.contains(&"curfew".to_owned()), "{after:?}");
            assert!(!stays || after.contains(&theirs), "{after:?}");
        }
    }
}

/// The API server keeps ten entries of updates, and puts older ones together.
#[test]
fn many_managers_keep_nothing_from_being_written() {
    let Some((account, space)) = scene("many") else { return };
    space.create(&job("one", json!({}))).ok();
    write_by(&account, &space, 15);
    let before = managers(&space, "jobs/one");
    assert!(before.contains(&"ancient-changes".to_owned()), "{before:?}");
    for ttl in [60, 70] {
        let patch = json!({"spec": {"ttlSecondsAfterFinished": ttl}});
        allowed(&account.patch(&space, "jobs/one", &patch));
        write_by(&account, &space, 3);
    }
}

/// As many as are compared with each other, each of which loses a field, and more than that.
#[test]
fn hundreds_of_managers_keep_nothing_from_being_written() {
    let Some((account, space)) = scene("hundreds") else { return };
    for count in [98, 600] {
        let name = format!("job-{count}");
        let ttl = |seconds: i64| json!({"spec": {"ttlSecondsAfterFinished": seconds}});
        let created = space.create(&job(&name, ttl(5))).ok();
        let mut entries = created["metadata"]["managedFields"].as_array().unwrap().clone();
        entries.extend((0..count).map(|number| {
            json!({
                "manager": format!("program{number}"), "operation": "Apply",
                "apiVersion": "batch/v1", "time": "2026-11-20T00:00:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:parallelism": {}, "f:ttlSecondsAfterFinished": {}}},
            })
        }));
        space.patch_job(&name, &json!({"metadata": {"managedFields": entries}})).ok();
        let object = format!("jobs/{name}");
        assert!(managers(&space, &object).len() >= count);
        allowed(&account.patch(&space, &object, &ttl(60)));
    }
}

/// An object that nobody tracks: then no clock is known, and no more is asked.
#[test]
fn what_nobody_tracks_can_be_written() {
    let Some((account, space)) = scene("untracked") else { return };
    let _alone = alone();
    space.create(&job("one", json!({}))).ok();
    space.create(&cron_job("one", json!({}))).ok();
    let none = json!({"metadata": {"managedFields": [{}]}});
    for object in ["jobs/one", "cronjobs/one"] {
        space.plane.api.patch(Patch::Merge, &space.path(object), &none).ok();
        assert_eq!(managers(&space, object), Vec::<String>::new());
    }
    let ttl = json!({"spec": {"ttlSecondsAfterFinished": 60}});
    allowed(&account.patch(&space, "jobs/one", &ttl));
    let status = json!({"status": {"lastScheduleTime": "2026-11-20T00:00:00Z"}});
    allowed(&account.patch(&space, "cronjobs/one/status", &status));
}

/// Changes by so many programs.
fn write_by(account: &Account, space: &Namespace<'_>, count: usize) {
    for number in 0..count {
        let api = account.plane.api.with_agent(&format!("program{number}"));
        let label = json!({"metadata": {"labels": {format!("a{number}"): count.to_string()}}});
        api.patch(Patch::Merge, &space.path("jobs/one"), &label).ok();
    }
}

fn managers(space: &Namespace<'_>, object: &str) -> Vec<String> {
    let object = space.plane.api.get(&space.path(object)).ok();
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect()
}

/// The smallest object for a server-side apply.
fn applied(object: &str) -> Value {
    match object {
        "jobs/one" => json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "one"}, "spec": {"ttlSecondsAfterFinished": 60}}),
        "cronjobs/one" => json!({"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": "one"}, "spec": {"failedJobsHistoryLimit": 1}}),
        _ => json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "one"},
            "status": {"lastScheduleTime": "2026-11-20T00:00:00Z"}}),
    }
}
