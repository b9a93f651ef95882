//! The brake (delete contract, point 7) on a real API server: what a policy would end at once
//! waits for a person, through restarts and changes of the leader.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use curfew::clock;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    assets::Absent,
    control_plane,
    control_plane::ControlPlane,
    manifest::{self, Finish, days_ago},
    namespace::Namespace,
    sweeping::{Sweeping, finished_job, start},
    wait::{eventually, throughout},
};

/// A policy that stops at more than three Jobs.
fn policy(namespace: &str, ttl: &str, stored: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, rate: 10000, brake: {{atMost: 3}}}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{namespace}]}}, ttl: {ttl}, stored: {stored}}}\n"
    )
}

/// Ten Jobs that finished yesterday.
fn yesterdays(plane: &'static ControlPlane, prefix: &str) -> Namespace<'static> {
    let space = plane.namespace(prefix);
    for number in 0..COUNT {
        let name = format!("old-{number}");
        finished_job(&space, &name, Finish::Complete, days_ago(1), json!({}));
    }
    space
}

fn old(space: &Namespace<'_>) -> usize {
    let is_old =
        |job: &Value| job["metadata"]["name"].as_str().is_some_and(|n| n.starts_with("old"));
    space.jobs().iter().filter(|job| is_old(job)).count()
}

/// The holds on the Lease.
fn holds(sweeping: &Sweeping) -> Vec<Value> {
    let text = sweeping.note("curfew.dev/brake");
    let memory: Value =
        text.as_str().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    memory["holds"].as_array().cloned().unwrap_or_default()
}

/// What a person would approve, by the only hold there is.
fn plan_id(sweeping: &Sweeping) -> String {
    let hold = eventually("something is held", LIMIT, || holds(sweeping).first().cloned());
    let cutoff: jiff::Timestamp = hold["cutoff"].as_str().unwrap().parse().unwrap();
    let cause = &hold["cause"];
    let namespace = cause["policyIn"].as_str().or_else(|| cause["namespace"].as_str());
    let namespace = namespace.map(|name| format!("-{name}")).unwrap_or_default();
    let revision = hold["revision"].as_str().unwrap();
    format!("{revision}-{}-{}{namespace}", cutoff.as_second(), hold["count"])
}

fn answer(sweeping: &Sweeping, plan: &str) -> Value {
    sweeping.set_note("curfew.dev/approve", &json!(plan));
    eventually("the leader answers", LIMIT, || {
        let text = sweeping.note("curfew.dev/approval");
        let answer: Value = serde_json::from_str(text.as_str()?).ok()?;
        (answer["plan"] == plan && sweeping.note("curfew.dev/approve").is_null()).then_some(answer)
    })
}

fn set(sweeping: &Sweeping, ttl: &str, stored: &str) {
    sweeping.curfew.set_policy(&[("policy.yaml", &policy(&sweeping.space.name, ttl, stored))]);
}

#[test]
fn a_typo_deletes_no_job_that_had_finished_before() {
    let Some(plane) = control_plane::shared() else { return };
    let space = yesterdays(plane, "typo");
    let sweeping = Sweeping::with_policy(space, &policy("typo-*", "7d", "Delete"), &[]);
    set(&sweeping, "7d", "Delete");
    sweeping.wait_for_leader();
    wait_until_accepted(&sweeping);
    set(&sweeping, "7s", "Delete");
    let plan = plan_id(&sweeping);
    assert!(plan.ends_with(&format!("-10-{}", sweeping.space.name)), "{plan}");
    let space = &sweeping.space;
    // What finishes from the next second on follows the new policy.
    let cutoff: i64 = plan.split('-').nth(1).unwrap().parse().unwrap();
    eventually("the second is over", LIMIT, || (clock::now().as_second() > cutoff).then_some(()));
    finished_job(space, "new", Finish::Complete, clock::now(), json!({}));
    eventually("the new one goes", LIMIT, || space.find_job("new").is_none().then_some(()));
    assert_eq!(old(space), COUNT);
    assert!((sweeping.curfew.metric("curfew_stored_brake") - 10.0).abs() < 0.1);

    // A restart neither forgets nor lets go.
    let Sweeping { curfew, space, lease } = sweeping;
    drop(curfew);
    let text = policy(&space.name, "7s", "Delete");
    let curfew = start(plane, &lease, &plane.kubeconfig, &text, &[]);
    let sweeping = Sweeping { curfew, space, lease };
    let space = &sweeping.space;
    sweeping.wait_for_leader();
    throughout("held after a restart", Duration::from_secs(3), || old(space) == COUNT);
    assert_eq!(plan_id(&sweeping), plan);

    // Neither another plan nor one that shows fewer is enough.
    let fewer = plan.replacen("-10-", "-9-", 1);
    assert!(answer(&sweeping, &fewer)["refused"].as_str().unwrap().contains("look again"));
    let other = format!("{}-1-10", plan.split('-').next().unwrap());
    assert!(answer(&sweeping, &other)["refused"].as_str().unwrap().contains(&plan));
    throughout("still held", Duration::from_secs(1), || old(space) == COUNT);

    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(space) == 0).then_some(()));
    assert_eq!(holds(&sweeping), Vec::<Value>::new());
}

/// Under `Patch` the built-in controller would be the one that deletes.
#[test]
fn a_lowered_ttl_waits_as_well() {
    let Some(plane) = control_plane::staffed() else { return };
    let space = yesterdays(plane, "patched");
    let sweeping = Sweeping::with_policy(space, &policy("patched-*", "7d", "Patch"), &[]);
    let space = &sweeping.space;
    eventually("all get 7d", LIMIT, || {
        let ttl = |job: &Value| job["spec"]["ttlSecondsAfterFinished"] == 604_800;
        space.jobs().iter().all(ttl).then_some(())
    });
    set(&sweeping, "7s", "Patch");
    let plan = plan_id(&sweeping);
    throughout("none goes", Duration::from_secs(3), || old(space) == COUNT);
    // The good policy is back: nothing is held any more, and nothing was lost.
    set(&sweeping, "7d", "Patch");
    eventually("the hold is moot", LIMIT, || holds(&sweeping).is_empty().then_some(()));
    assert_eq!(old(space), COUNT);
    set(&sweeping, "7s", "Patch");
    eventually("it is held again", LIMIT, || (holds(&sweeping).len() == 1).then_some(()));
    let again = plan_id(&sweeping);
    assert_ne!(again, plan);
    assert_eq!(answer(&sweeping, &again)["refused"], Value::Null);
    eventually("the built-in controller deletes them", LIMIT, || (old(space) == 0).then_some(()));
}

/// The first activation is a change, too: nobody has agreed to anything yet.
#[test]
fn the_first_activation_waits_and_what_is_due_later_does_not() {
    let Some(plane) = control_plane::shared() else { return };
    let space = yesterdays(plane, "first");
    let text = policy(&space.name, "1h", "Delete");
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    let plan = plan_id(&sweeping);
    let space = &sweeping.space;
    // It had not finished when the policy came.
    let then = clock::now() - 3599.seconds();
    finished_job(space, "ordinary", Finish::Failed, then, json!({}));
    throughout("held", Duration::from_secs(4), || old(space) == COUNT);
    // By its stamp it had, and is due within the hour; so it is held with the rest.
    assert!(space.find_job("ordinary").is_some());
    let events = plane.api.get("/apis/events.k8s.io/v1/namespaces/default/events").ok();
    let on = events["items"].as_array().unwrap().iter().any(|event| {
        event["reason"] == "BrakeOn" && event["note"].as_str().is_some_and(|n| n.contains(&plan))
    });
    assert!(on, "{events:#}");
}

/// New labels of a namespace make due what was not.
#[test]
fn relabelling_a_namespace_waits_as_well() {
    let Some(plane) = control_plane::shared() else { return };
    let space = yesterdays(plane, "relabelled");
    let text = by_label(&space.name, "7d");
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    let space = &sweeping.space;
    wait_until_accepted(&sweeping);
    space.kubectl.ok(&["label", "namespace", &space.name, "environment=dev"]);
    let plan = plan_id(&sweeping);
    assert_eq!(holds(&sweeping)[0]["cause"]["namespace"], space.name.as_str());
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(space) == 0).then_some(()));
}

/// Nobody sees the labels change: the next leader finds out by what stands on the Lease.
#[test]
fn labels_that_change_while_nobody_leads_wait_as_well() {
    let Some(plane) = control_plane::shared() else { return };
    let space = yesterdays(plane, "unseen");
    let text = by_label(&space.name, "7d");
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    wait_until_accepted(&sweeping);
    let Sweeping { curfew, space, lease } = sweeping;
    drop(curfew);
    space.kubectl.ok(&["label", "namespace", &space.name, "environment=dev"]);
    let curfew = start(plane, &lease, &plane.kubeconfig, &text, &[]);
    let sweeping = Sweeping { curfew, space, lease };
    let plan = plan_id(&sweeping);
    let space = &sweeping.space;
    assert_eq!(holds(&sweeping)[0]["cause"]["namespace"], space.name.as_str());
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(space) == 0).then_some(()));
}

/// A policy that exempts a label, lets owners of a kind through, and ends the rest after an hour.
fn sparing(namespace: &str, exempt: &str, owner: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         exempt: {{selectors: [{{matchLabels: {{{exempt}: \"yes\"}}}}]}}\n  \
         guards: {{allowOwners: [example.test/{owner}]}}\n  \
         stored: {{action: Report, rate: 10000, brake: {{atMost: 3}}}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{namespace}]}}, ttl: 1h, stored: Delete}}\n"
    )
}

fn wait_until_accepted(sweeping: &Sweeping) {
    eventually("it is accepted", LIMIT, || {
        sweeping.note("curfew.dev/brake").as_str().filter(|t| t.contains("accepted")).map(drop)
    });
}

/// What the policy before spares Jobs by is no longer kept once another policy reads something else.
#[test]
fn what_only_the_policy_before_reads_makes_nothing_due_before() {
    let Some(plane) = control_plane::shared() else { return };
    let labelled = json!({"labels": {"retain": "yes"}});
    let owned = |kind: &str| {
        json!({"ownerReferences": [{
            "apiVersion": "example.test/v1", "kind": kind, "name": "one",
            "uid": "00000000-0000-4000-8000-000000000001",
        }]})
    };
    for (what, metadata, before, after) in [
        ("label", labelled, ("retain", "Run"), ("other", "Run")),
        ("allowed", owned("Run"), ("retain", "Walk"), ("retain", "Run")),
        ("allowed-back", owned("Walk"), ("retain", "Run"), ("retain", "Walk")),
    ] {
        let space = plane.namespace(what);
        for number in 0..COUNT {
            let overlay = json!({"metadata": metadata});
            let name = format!("old-{number}");
            finished_job(&space, &name, Finish::Complete, days_ago(1), overlay);
        }
        let text = sparing(&space.name, before.0, before.1);
        let sweeping = Sweeping::with_policy(space, &text, &[]);
        wait_until_accepted(&sweeping);
        let text = sparing(&sweeping.space.name, after.0, after.1);
        sweeping.curfew.set_policy(&[("policy.yaml", &text)]);
        let plan = plan_id(&sweeping);
        assert!(plan.ends_with(&format!("-10-{}", sweeping.space.name)), "{what}: {plan}");
        throughout("held", Duration::from_secs(2), || old(&sweeping.space) == COUNT);
        assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
        eventually("approved, they go", LIMIT, || (old(&sweeping.space) == 0).then_some(()));
    }
}

/// Has everything looked at now: before each answer the leader does.
fn look(sweeping: &Sweeping) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    answer(sweeping, &format!("nothing-1-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
}

/// A policy by which Jobs of this namespace go at once where it has a label, and later else.
fn by_label(namespace: &str, later: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, rate: 10000, brake: {{atMost: 3}}}}\n  rules:\n    \
         - {{name: short, match: {{namespaces: [{namespace}], namespaceSelector: {{matchLabels: \
         {{environment: dev}}}}}}, ttl: 7s, stored: Delete}}\n    \
         - {{name: long, match: {{namespaces: [{namespace}]}}, ttl: {later}, stored: Delete}}\n"
    )
}

/// The labels of a namespace cannot be read for a while, and are others then.
#[test]
fn labels_that_could_not_be_read_in_between_wait_as_well() {
    let Some(plane) = control_plane::shared() else { return };
    let space = yesterdays(plane, "many-labels");
    let text = by_label(&space.name, "7d");
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    let space = &sweeping.space;
    wait_until_accepted(&sweeping);
    let label = |value: Value| {
        let keys = (0..1001).map(|number| (format!("label-{number}"), value.clone()));
        let mut labels: serde_json::Map<String, Value> = keys.collect();
        labels.insert("environment".to_owned(), json!(value.is_null().then_some("dev")));
        let patch = json!({"metadata": {"labels": labels}});
        plane.api.patch(Patch::Merge, &format!("/api/v1/namespaces/{}", space.name), &patch).ok();
    };
    label(json!(""));
    eventually("it is not known", LIMIT, || {
        look(&sweeping);
        let state = "state=\"unknown-namespace\"";
        (sweeping.curfew.metric_with("curfew_stored_jobs", state) > 9.0).then_some(())
    });
    label(Value::Null);
    let plan = plan_id(&sweeping);
    assert_eq!(holds(&sweeping)[0]["cause"]["namespace"], space.name.as_str());
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(space) == 0).then_some(()));
}

/// What labels make due under the accepted policy is counted once it is in use again, and is new for
/// the next one.
#[test]
fn relabelling_a_namespace_under_a_policy_that_is_held_waits_as_well() {
    let Some(plane) = control_plane::shared() else { return };
    for (prefix, then) in [("back", "7d"), ("next", "8d")] {
        let space = yesterdays(plane, prefix);
        let text = by_label(&space.name, "7d");
        let sweeping = Sweeping::with_policy(space, &text, &[]);
        let space = &sweeping.space;
        wait_until_accepted(&sweeping);
        let set = |later: &str| {
            sweeping.curfew.set_policy(&[("policy.yaml", &by_label(&space.name, later))]);
        };
        set("8s");
        let typo = plan_id(&sweeping);
        space.kubectl.ok(&["label", "namespace", &space.name, "environment=dev"]);
        throughout("held", Duration::from_secs(1), || old(space) == COUNT);
        set(then);
        let revision = typo.split('-').next().unwrap();
        eventually("another hold is there", LIMIT, || {
            let holds = holds(&sweeping);
            (holds.len() == 1 && holds[0]["revision"] != revision).then_some(())
        });
        let plan = plan_id(&sweeping);
        assert!(plan.ends_with(&format!("-10-{}", space.name)), "{plan}");
        throughout("held", Duration::from_secs(2), || old(space) == COUNT);
        assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
        eventually("approved, they go", LIMIT, || (old(space) == 0).then_some(()));
    }
}

/// Stores objects as they are, but so that they cannot be decoded; gives them as they were.
fn spoil(plane: &ControlPlane, objects: Vec<Value>) -> Vec<Value> {
    for object in &objects {
        let mut spoilt = object.clone();
        spoilt["metadata"]["managedFields"] = json!([{
            "manager": "old", "operation": "Update", "apiVersion": "batch/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": "all"},
        }]);
        plane.store(&spoilt);
    }
    objects
}

/// A `CronJob` and its finished Jobs; gives the `CronJob`.
fn family(space: &Namespace<'_>, count: usize) -> Value {
    let suspended = json!({"spec": {"suspend": true}});
    let cronjob = space.create(&manifest::cron_job("family", suspended)).ok();
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "family", "controller": true,
        "uid": cronjob["metadata"]["uid"],
    }]}});
    for number in 0..count {
        let name = format!("old-{number}");
        finished_job(space, &name, Finish::Complete, days_ago(1), owner.clone());
    }
    typed(cronjob, "CronJob")
}

/// An object as it is stored: a list leaves out what it is.
fn typed(mut object: Value, kind: &str) -> Value {
    object["kind"] = json!(kind);
    object["apiVersion"] = json!("batch/v1");
    object
}

fn typed_jobs(space: &Namespace<'_>) -> Vec<Value> {
    space.jobs().into_iter().map(|job| typed(job, "Job")).collect()
}

/// A control plane of its own: what nobody can read concerns whoever sweeps there.
#[test]
fn what_cannot_be_decoded_is_not_gone() {
    let Ok(plane) = ControlPlane::start().inspect_err(Absent::report) else { return };
    let plane: &'static ControlPlane = Box::leak(Box::new(plane));
    let (space, limited) = (plane.namespace("spoilt"), plane.namespace("limited"));
    let whole = spoil(plane, vec![family(&space, COUNT)]);
    family(&limited, 2);
    let limited_jobs = spoil(plane, typed_jobs(&limited));
    let text = policy(&space.name, "1h", "Delete")
        + &format!(
            "    - {{name: limited, match: {{namespaces: [{}]}}, history: {{successful: 1}}, \
             enforce: true, stored: Patch}}\n",
            limited.name
        );
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    let space = &sweeping.space;
    let plan = plan_id(&sweeping);
    assert!(plan.ends_with(&format!("-10-{}", space.name)), "{plan}");
    let undecodable = |kind: &str, count: f64| {
        eventually("it is seen", LIMIT, || {
            look(&sweeping);
            let found = sweeping
                .curfew
                .metric_with("curfew_undecodable_objects", &format!("kind=\"{kind}\""));
            ((found - count).abs() < 0.1).then_some(())
        });
    };
    undecodable("cronjobs", 1.0);
    // Its Jobs wait as before once it can be read.
    for object in &whole {
        plane.store(object);
    }
    undecodable("cronjobs", 0.0);
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    assert_eq!(plan_id(&sweeping), plan);
    // And so they do when they cannot be read themselves.
    let whole = spoil(plane, typed_jobs(space));
    undecodable("jobs", 12.0);
    assert_eq!(plan_id(&sweeping), plan);
    // Nor is a limit lowered that may end Jobs of which nobody knows.
    let limit = || limited.cron_job("family")["spec"]["successfulJobsHistoryLimit"].clone();
    assert_eq!(limit(), 3);
    for object in whole.iter().chain(&limited_jobs) {
        plane.store(object);
    }
    undecodable("jobs", 0.0);
    eventually("now it is", LIMIT, || (limit() == 1).then_some(()));
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(space) == 0).then_some(()));
}

/// One Job of a namespace that cannot be decoded hides nothing of the families there. A control
/// plane of its own, as above.
#[test]
fn a_family_beside_what_cannot_be_decoded_is_counted() {
    let Ok(plane) = ControlPlane::start().inspect_err(Absent::report) else { return };
    let plane: &'static ControlPlane = Box::leak(Box::new(plane));
    let (space, labelled) = (plane.namespace("pruned"), plane.namespace("labelled"));
    for space in [&space, &labelled] {
        family(space, COUNT);
        finished_job(space, "odd", Finish::Complete, days_ago(1), json!({}));
    }
    let whole = typed(space.job("odd"), "Job");
    let spoilt = || spoil(plane, vec![whole.clone()]);
    spoilt();
    spoil(plane, vec![typed(labelled.job("odd"), "Job")]);
    let (name, of_label) = (space.name.clone(), labelled.name.clone());
    let limited = |max: usize| {
        format!(
            "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
             stored: {{action: Report, rate: 10000, brake: {{atMost: 3}}}}\n  \
             limits: {{history: {{max: {max}}}}}\n  rules:\n    \
             - {{name: pruned, match: {{namespaces: [{name}]}}, stored: Delete}}\n    \
             - {{name: labelled, match: {{namespaces: [{of_label}], namespaceSelector: \
             {{matchLabels: {{environment: dev}}}}}}, stored: Patch}}\n"
        )
    };
    let sweeping = Sweeping::with_policy(space, &limited(100), &[]);
    let space = &sweeping.space;
    wait_until_accepted(&sweeping);
    let unread = |count: f64| {
        eventually("it is seen", LIMIT, || {
            look(&sweeping);
            let found = sweeping.curfew.metric_with("curfew_undecodable_objects", "kind=\"jobs\"");
            ((found - count).abs() < 0.1).then_some(())
        });
    };
    // A policy that is loaded while it is there, and a hold that is in force when it comes.
    sweeping.curfew.set_policy(&[("policy.yaml", &limited(1))]);
    let plan = plan_id(&sweeping);
    // Nine each that a lowered limit and that pruning ends, and the odd one.
    assert!(plan.ends_with(&format!("-19-{name}")), "{plan}");
    plane.store(&whole);
    unread(1.0);
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    spoilt();
    unread(2.0);
    assert_eq!(plan_id(&sweeping), plan);
    plane.store(&whole);
    unread(1.0);
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    // The odd one is not of the family.
    let plan = plan.replacen("-19-", "-18-", 1);
    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(space) == 1).then_some(()));

    // New labels of a namespace are counted so, too.
    space.kubectl.ok(&["label", "namespace", &of_label, "environment=dev"]);
    let plan = plan_id(&sweeping);
    assert!(plan.ends_with(&format!("-9-{of_label}")), "{plan}");
}

/// A policy with the default limit of 200, for two namespaces.
fn of_both(one: &Namespace<'_>, other: &Namespace<'_>, brake: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, rate: 10000{brake}}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{}, {}]}}, ttl: 1h, stored: Delete}}\n",
        one.name, other.name
    )
}

/// Whoever may create Jobs may also name a `CronJob` that does not exist as their owner.
#[test]
fn jobs_of_an_unknown_cronjob_keep_nobody_waiting() {
    let Some(plane) = control_plane::shared() else { return };
    let tenant = plane.namespace("ghosts");
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "ghost", "controller": true,
        "uid": "00000000-0000-4000-8000-000000000000",
    }]}});
    for number in 0..201 {
        let name = format!("ghost-{number}");
        finished_job(&tenant, &name, Finish::Complete, days_ago(1), owner.clone());
    }
    let space = plane.namespace("honest");
    for number in 0..5 {
        finished_job(&space, &format!("old-{number}"), Finish::Complete, days_ago(1), json!({}));
    }
    let text = of_both(&space, &tenant, "");
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    eventually("the others go", LIMIT, || (old(&sweeping.space) == 0).then_some(()));
    assert!(sweeping.curfew.metric("curfew_stored_brake") < 0.5);
    assert_eq!(holds(&sweeping), Vec::<Value>::new());
    // Nobody knows what they are, and so none of them goes.
    assert_eq!(tenant.jobs().len(), 201);
}

#[test]
fn one_namespace_alone_is_held_and_the_rest_goes_on() {
    let Some(plane) = control_plane::shared() else { return };
    let tenant = yesterdays(plane, "many");
    let space = plane.namespace("few");
    for number in 0..3 {
        finished_job(&space, &format!("old-{number}"), Finish::Complete, days_ago(1), json!({}));
    }
    let text = of_both(&space, &tenant, ", brake: {atMost: 3}");
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    let plan = plan_id(&sweeping);
    assert!(plan.ends_with(&format!("-10-{}", tenant.name)), "{plan}");
    eventually("the others go", LIMIT, || (old(&sweeping.space) == 0).then_some(()));
    assert_eq!(old(&tenant), COUNT);
    let series = format!("curfew_stored_brake_held{{held_namespace=\"{}\"}}", tenant.name);
    eventually("the metric names it", LIMIT, || {
        ((sweeping.curfew.metric(&series) - 10.0).abs() < 0.1).then_some(())
    });
    let said = eventually("the status names it", LIMIT, || {
        let said: Value =
            serde_json::from_str(sweeping.note("curfew.dev/status").as_str()?).ok()?;
        said["brake"][0].is_object().then_some(said)
    });
    assert_eq!(said["brake"][0]["plan"], plan.as_str());
    let who = json!([{"namespace": tenant.name, "count": 10}]);
    assert_eq!(said["brake"][0]["who"], who);

    // Another leader holds the same, and lets the rest go on.
    let Sweeping { curfew, space, lease } = sweeping;
    drop(curfew);
    let curfew = start(plane, &lease, &plane.kubeconfig, &text, &[]);
    let sweeping = Sweeping { curfew, space, lease };
    sweeping.wait_for_leader();
    for number in 0..9 {
        let name = format!("old-{number}");
        finished_job(&sweeping.space, &name, Finish::Complete, days_ago(1), json!({}));
    }
    eventually("the others go", LIMIT, || (old(&sweeping.space) == 0).then_some(()));
    assert_eq!(old(&tenant), COUNT);
    assert_eq!(plan_id(&sweeping), plan);
    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(&tenant) == 0).then_some(()));
    assert_eq!(holds(&sweeping), Vec::<Value>::new());
}

const COUNT: usize = 10;
const LIMIT: Duration = Duration::from_secs(60);
