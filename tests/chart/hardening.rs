//! The `ValidatingAdmissionPolicy`: what the API server refuses to our own account, and what the
//! account has to be able to do. The account is impersonated with all rights, so that nothing but
//! the policy stands in its way.

mod account;
mod kept;
mod records;
mod secrets;
mod starts;
mod tracked;
mod webhooks;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use self::account::{
    Account, account_of, allowed, deletion, install, policy_of, refused, scene, start_of,
};
use crate::helm::{Helm, NAMESPACE, values_file};
use crate::support::{
    api::{Api, Patch},
    curfew::Curfew,
    manifest::{Finish, cron_job, days_ago, job, merged},
    namespace::Namespace,
    scheduling::{Scheduling, alone, job_name},
    sweeping::{self, finished_job},
    wait::eventually,
};

/// Which objects are touched, and how.
#[derive(Clone, Copy)]
struct Row {
    what: &'static str,
    patch: fn() -> Value,
}

// === what it may not do ===

#[test]
fn nothing_that_has_not_finished_is_deleted() {
    let Some((account, space)) = scene("running") else { return };
    let held = json!({"spec": {"managedBy": "example.test/nobody"}});
    space.create(&job("pending", held.clone())).ok();
    space.create(&job("suspended", merged(held.clone(), json!({"spec": {"suspend": true}})))).ok();
    space.create(&job("running", held.clone())).ok();
    let status = json!({"status": {"startTime": "2026-11-01T00:00:00Z", "active": 1}});
    account.plane.api.patch(Patch::Merge, &space.path("jobs/running/status"), &status).ok();
    space.create(&job("ending", held.clone())).ok();
    let condition = json!({"type": "FailureTarget", "status": "True"});
    let status =
        json!({"status": {"startTime": "2026-11-01T00:00:00Z", "conditions": [condition]}});
    account.plane.api.patch(Patch::Merge, &space.path("jobs/ending/status"), &status).ok();
    for name in ["pending", "suspended", "running", "ending"] {
        refused(&account.delete(&space, name), "no Job that has not finished");
        assert!(space.find_job(name).is_some());
    }
    // It is about our account and nobody else.
    space.plane.api.delete(&space.path("jobs/running")).ok();
}

#[test]
fn nothing_in_a_system_namespace_is_touched() {
    let Some((account, _)) = scene("system") else { return };
    for name in ["kube-system", "kube-public", "kube-node-lease", NAMESPACE] {
        let space = Namespace::open(account.plane, name, &json!({}));
        finished_job(&space, "hardened", Finish::Complete, days_ago(1), json!({}));
        space.create(&cron_job("hardened", json!({}))).ok();
        let system = "in a system namespace or its own";
        refused(&account.delete(&space, "hardened"), system);
        let ttl = json!({"spec": {"ttlSecondsAfterFinished": 60}});
        refused(&account.patch(&space, "jobs/hardened", &ttl), system);
        let history = json!({"spec": {"successfulJobsHistoryLimit": 0}});
        refused(&account.patch(&space, "cronjobs/hardened", &history), system);
        for resource in ["jobs", "cronjobs"] {
            account.plane.api.delete(&space.path(&format!("{resource}/hardened"))).ok();
        }
    }
}

/// One Job, the one that was judged, once, and its Pods with it.
#[test]
fn a_deletion_keeps_to_the_contract() {
    let Some((account, space)) = scene("contract") else { return };
    finished_job(&space, "one", Finish::Complete, days_ago(1), json!({}));
    let good = deletion(&space.job("one"));
    let one_at_a_time = "one Job at a time";
    let with = |member: &str, value: Value| {
        let mut options = good.clone();
        options[member] = value;
        options
    };
    let path = space.path("jobs/one");
    let bad = [
        with("preconditions", Value::Null),
        with("preconditions", json!({"uid": good["preconditions"]["uid"]})),
        with("propagationPolicy", Value::Null),
        with("propagationPolicy", json!("Orphan")),
    ];
    for options in &bad {
        refused(&account.send("DELETE", &path, options), one_at_a_time);
    }
    refused(
        &account.send("DELETE", &space.path("jobs"), &with("preconditions", Value::Null)),
        one_at_a_time,
    );
    assert_eq!(space.jobs().len(), 1);
    let kept = json!({"metadata": {"finalizers": ["example.test/archive"]}});
    finished_job(&space, "kept", Finish::Failed, days_ago(1), kept);
    allowed(&account.delete(&space, "kept"));
    refused(&account.delete(&space, "kept"), "deletes nothing twice");
    let none = json!({"metadata": {"finalizers": null}});
    refused(&account.patch(&space, "jobs/kept", &none), "of metadata");
    space.patch_job("kept", &none).ok();
}

#[test]
fn of_a_job_only_its_ttl_changes() {
    let Some((account, space)) = scene("job") else { return };
    let overlay = json!({
        "metadata": {"labels": {"a": "b"}, "annotations": {"example.test/a": "b"}},
        "spec": {"suspend": true},
    });
    space.create(&job("one", overlay)).ok();
    let rows = [
        Row { what: "parallelism", patch: || json!({"spec": {"parallelism": 2}}) },
        Row { what: "suspend", patch: || json!({"spec": {"suspend": false}}) },
        Row { what: "a deadline", patch: || json!({"spec": {"activeDeadlineSeconds": 60}}) },
        Row { what: "the backoff", patch: || json!({"spec": {"backoffLimit": 0}}) },
        Row {
            what: "a node of its Pods",
            patch: || json!({"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}),
        },
        Row { what: "a label", patch: || json!({"metadata": {"labels": {"a": "c"}}}) },
        Row { what: "no label", patch: || json!({"metadata": {"labels": null}}) },
        Row {
            what: "an annotation",
            patch: || json!({"metadata": {"annotations": {"example.test/a": "c"}}}),
        },
        Row {
            what: "another annotation",
            patch: || json!({"metadata": {"annotations": {"example.test/c": "c"}}}),
        },
        Row {
            what: "no annotation",
            patch: || json!({"metadata": {"annotations": {"example.test/a": null}}}),
        },
        Row {
            what: "a finalizer",
            patch: || json!({"metadata": {"finalizers": ["example.test/a"]}}),
        },
        Row {
            what: "an owner",
            patch: || {
                let owner = json!({"apiVersion": "v1", "kind": "A", "name": "a", "uid": "a"});
                json!({"metadata": {"ownerReferences": [owner]}})
            },
        },
    ];
    for Row { what, patch } in rows {
        // Alone, and hidden beside what is allowed.
        let beside = json!({"spec": {"ttlSecondsAfterFinished": 7}});
        for patch in [patch(), merged(patch(), beside)] {
            let reply = account.patch(&space, "jobs/one", &patch);
            assert_eq!(reply.status, 403, "{what}: {}", reply.body);
        }
        // The API server itself has nothing against it.
        let path = space.path("jobs/one?dryRun=All");
        space.plane.api.patch(Patch::Merge, &path, &patch()).ok();
    }
    let status = json!({"status": {"active": 1}});
    refused(&account.patch(&space, "jobs/one/status", &status), "no status of a Job");
}

#[test]
fn of_a_cronjob_only_limits_and_the_ttl_of_its_jobs_change() {
    let Some((account, space)) = scene("cronjob") else { return };
    space
        .create(&cron_job(
            "one",
            json!({"spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}}}}),
        ))
        .ok();
    let template = |inner: &Value| json!({"spec": {"jobTemplate": inner}});
    let image = json!([{"name": "worker", "image": "example", "command": ["true"]}]);
    let patches = [
        json!({"spec": {"schedule": "0 0 * * *"}}),
        json!({"spec": {"suspend": true}}),
        json!({"spec": {"concurrencyPolicy": "Replace"}}),
        json!({"spec": {"timeZone": "Etc/UTC"}}),
        json!({"spec": {"startingDeadlineSeconds": 100}}),
        json!({"metadata": {"labels": {"a": "b"}}}),
        template(&json!({"metadata": {"labels": {"a": "c"}}})),
        template(&json!({"metadata": {"annotations": {"example.test/a": "b"}}})),
        template(&json!({"spec": {"suspend": true}})),
        template(&json!({"spec": {"activeDeadlineSeconds": 60}})),
        template(&json!({"spec": {"template": {"spec": {"containers": image}}}})),
    ];
    for patch in patches {
        let beside = json!({"spec": {"failedJobsHistoryLimit": 7}});
        for patch in [patch.clone(), merged(patch.clone(), beside)] {
            let reply = account.patch(&space, "cronjobs/one", &patch);
            assert_eq!(reply.status, 403, "{patch}: {}", reply.body);
        }
        let path = space.path("cronjobs/one?dryRun=All");
        space.plane.api.patch(Patch::Merge, &path, &patch).ok();
    }
    refused(
        &account.send("DELETE", &space.path("cronjobs/one"), &deletion(&space.cron_job("one"))),
        "deletes Jobs",
    );
    refused(
        &account.send("POST", &space.path("cronjobs"), &cron_job("two", json!({}))),
        "creates Jobs of CronJobs",
    );
    let annotated = json!({"metadata": {"annotations": {"curfew.dev/applied": "{}"}}});
    refused(&account.patch(&space, "cronjobs/one/status", &annotated), "the status alone");
}

/// What `concurrencyPolicy: Replace` deletes, and history limits in system namespaces, are for a
/// release that says so.
#[test]
fn the_exceptions_of_own_are_named() {
    let Some((plain, space)) = scene("own") else { return };
    let _alone = alone();
    let Some(own) = Account::of(plain.plane, "owner") else { return };
    let system = Namespace::open(plain.plane, "kube-system", &json!({}));
    for place in [&space, &system] {
        let cronjob = place.create(&cron_job("replaced", json!({}))).ok();
        let start = start_of(&cronjob, "2026-11-20T00:00:00Z");
        let name = start["metadata"]["name"].as_str().unwrap();
        place.create(&start).ok();
        refused(&plain.delete(place, name), "curfew deletes no");
        allowed(&own.delete(place, name));
        let metadata = json!({"metadata": start["metadata"]});
        finished_job(place, name, Finish::Complete, days_ago(1), metadata);
        allowed(&own.delete(place, name));
        // Nothing of anybody else's.
        place.create(&job("running", json!({}))).ok();
        refused(&own.delete(place, "running"), "unless a CronJob made it");
        for path in ["jobs/running", "cronjobs/replaced"] {
            place.plane.api.delete(&place.path(path)).ok();
        }
    }
    finished_job(&system, "old", Finish::Complete, days_ago(1), json!({}));
    refused(&own.delete(&system, "old"), "in a system namespace or its own");
    let ttl = json!({"spec": {"ttlSecondsAfterFinished": 60}});
    refused(&own.patch(&system, "jobs/old", &ttl), "in a system namespace or its own");
    system.plane.api.delete(&system.path("jobs/old")).ok();
}

// === what it must be able to do ===

#[test]
fn the_writes_of_the_sweeper_pass() {
    let Some((account, space)) = scene("sweeper") else { return };
    finished_job(&space, "done", Finish::Complete, days_ago(1), json!({}));
    space.create(&job("open", json!({"metadata": {"annotations": {"example.test/a": "b"}}}))).ok();
    let record = |value: Value| json!({"metadata": {"annotations": {"curfew.dev/applied": value}}});
    for name in ["jobs/done", "jobs/open"] {
        for ttl in [json!(60), json!(600), Value::Null] {
            let note = if ttl.is_null() { Value::Null } else { json!("{}") };
            let patch = merged(record(note), json!({"spec": {"ttlSecondsAfterFinished": ttl}}));
            allowed(&account.patch(&space, name, &patch));
        }
    }
    for options in ["Background", "Foreground"] {
        let name = options.to_lowercase();
        finished_job(&space, &name, Finish::Failed, days_ago(1), json!({}));
        let mut deletion = deletion(&space.job(&name));
        deletion["propagationPolicy"] = json!(options);
        allowed(&account.send("DELETE", &space.path(&format!("jobs/{name}")), &deletion));
    }
    // With and without metadata of the template, which a merge patch makes by itself.
    space.create(&cron_job("bare", json!({}))).ok();
    let labelled =
        json!({"metadata": {"labels": {"a": "b"}, "annotations": {"example.test/a": "b"}}});
    space.create(&cron_job("labelled", json!({"spec": {"jobTemplate": labelled}}))).ok();
    for name in ["cronjobs/bare", "cronjobs/labelled"] {
        for (value, note) in [(json!(5), json!("{}")), (Value::Null, Value::Null)] {
            let template =
                merged(record(note.clone()), json!({"spec": {"ttlSecondsAfterFinished": value}}));
            let spec = json!({"spec": {
                "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 0, "jobTemplate": template,
            }});
            allowed(&account.patch(&space, name, &merged(record(note), spec)));
        }
    }
}

/// The API server gives up on expressions that cost too much, and refuses then: no object that can
/// be stored may be that large.
#[test]
fn large_objects_can_be_written() {
    let Some((account, space)) = scene("large") else { return };
    let many = |name: &str| -> Value {
        let pairs = (0..2000)
            .map(|number| (format!("example.test/{name}-{number}"), json!("a".repeat(60))));
        Value::Object(pairs.collect())
    };
    let variables: Vec<Value> = (0..4000)
        .map(|number| json!({"name": format!("VARIABLE_{number}"), "value": "b".repeat(100)}))
        .collect();
    let container = json!({"name": "worker", "image": "busybox", "env": variables});
    let template = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    let overlay = merged(template, json!({"metadata": {"annotations": many("a")}}));
    // What curfew takes over from whoever owns all the rest.
    let taken = json!({
        "metadata": {"annotations": {"curfew.dev/applied": "{\"a\":1}"}},
        "spec": {"ttlSecondsAfterFinished": 5},
    });
    let overlay = merged(overlay, taken);
    space.create(&job("one", overlay.clone())).ok();
    let overlay = merged(
        json!({"spec": {"jobTemplate": overlay}}),
        json!({"metadata": {"annotations": many("b")}}),
    );
    space.create(&cron_job("one", overlay)).ok();
    let record = json!({"metadata": {"annotations": {"curfew.dev/applied": "{}"}}});
    let ttl = merged(record.clone(), json!({"spec": {"ttlSecondsAfterFinished": 60}}));
    allowed(&account.patch(&space, "jobs/one", &ttl));
    let patch = merged(record, json!({"spec": {"failedJobsHistoryLimit": 0, "jobTemplate": ttl}}));
    allowed(&account.patch(&space, "cronjobs/one", &patch));
}

/// The sweeper itself, as that account: nothing of what it does is refused.
#[test]
fn the_sweeper_works_under_it() {
    let Some((account, space)) = scene("swept") else { return };
    let Some(user) = account_of("curfew") else { return };
    for number in 0..3 {
        finished_job(&space, &format!("old-{number}"), Finish::Failed, days_ago(2), json!({}));
    }
    finished_job(&space, "young", Finish::Complete, days_ago(0), json!({}));
    space.create(&job("open", json!({"spec": {"managedBy": "example.test/nobody"}}))).ok();
    space.create(&cron_job("limits", json!({}))).ok();
    let policy = sweeping::policy(
        &space.name,
        "{ttl: 1d, history: {successful: 1, failed: 2}, stored: Delete}",
    );
    let kubeconfig = account.plane.kubeconfig_for(&user, Some("system:masters"));
    let kubeconfig = kubeconfig.to_str().unwrap();
    Namespace::open(account.plane, NAMESPACE, &json!({}));
    // The Lease that is its own.
    let flags = ["--kubeconfig", kubeconfig, "--namespace", NAMESPACE, "--lease-name", "curfew"];
    let curfew = Curfew::start_with(&account.plane.authority, &[("policy.yaml", &policy)], &flags);
    eventually("old Jobs go, others get what the policy says", sweeping::LIMIT, || {
        let jobs = space.jobs();
        let ttl = |name: &str| space.job(name)["spec"]["ttlSecondsAfterFinished"].clone();
        let limit = &space.cron_job("limits")["spec"]["failedJobsHistoryLimit"];
        (jobs.len() == 2 && ttl("open") == 86400 && *limit == 2).then_some(())
    });
    let log = curfew.process.log();
    assert!(!log.contains("refused"), "{log}");
}

/// The scheduler itself: `Replace` and the history limits included.
#[test]
fn own_works_under_it() {
    let Some((account, _)) = scene("owned") else { return };
    let (Some(helm), Some(user)) = (Helm::find(), account_of("owner")) else { return };
    // Not a time to come: a start that is written down has been, by the API server's clock.
    let first = clock::now() - 4.minutes();
    let first = Timestamp::from_second(first.as_second() / 60 * 60).unwrap();
    let scene = Scheduling::own(account.plane, "owned", first - 50.seconds());
    // The scene's account has a name of its own.
    let rendering = helm.release("owner", &["-f", &values_file("own")]).unwrap();
    let text = json!(policy_of(&rendering)).to_string().replace(&user, &scene.lease);
    let text = text.replace("\"owner-curfew", "\"curfew-scene");
    let objects: Vec<Value> = serde_json::from_str(&text).unwrap();
    install(account.plane, &objects);
    let scene_account = Account {
        api: Api::new(&account.plane.kubeconfig_for(&scene.lease, Some("system:masters"))),
        plane: account.plane,
    };
    scene_account.wait();
    let spec = json!({"schedule": "* * * * *", "concurrencyPolicy": "Replace", "failedJobsHistoryLimit": 0});
    scene.create("replace", &spec, Some(first - 1.minutes()));
    scene.put_clock(first - 1.seconds());
    scene.wait_for_jobs(&[job_name("replace", first)]);
    scene.wait_until_written("replace", first, 1);
    let second = first + 1.minutes();
    scene.put_clock(second - 1.seconds());
    scene.wait_for_jobs(&[job_name("replace", second)]);
    scene.wait_until_written("replace", second, 1);
    scene.finish(&job_name("replace", second), Finish::Failed);
    scene.wait_for_jobs(&[]);
    assert_eq!(scene.deletions().len(), 2);
}
