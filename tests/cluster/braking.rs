//! The brake (delete contract, point 7) on a real API server: what a policy would end at once
//! waits for a person, through restarts and changes of the leader.

use std::time::Duration;

use curfew::clock;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::{
    control_plane,
    control_plane::ControlPlane,
    manifest::{Finish, days_ago},
    namespace::Namespace,
    sweeping::{Sweeping, finished_job},
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
    format!("{}-{}-{}", hold["revision"].as_str().unwrap(), cutoff.as_second(), hold["count"])
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
    eventually("7d is accepted", LIMIT, || {
        sweeping.note("curfew.dev/brake").as_str().filter(|t| t.contains("accepted")).map(drop)
    });
    set(&sweeping, "7s", "Delete");
    let plan = plan_id(&sweeping);
    assert!(plan.ends_with("-10"), "{plan}");
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
    let curfew = crate::support::sweeping::start(plane, &lease, &plane.kubeconfig, &text, &[]);
    let sweeping = Sweeping { curfew, space, lease };
    let space = &sweeping.space;
    sweeping.wait_for_leader();
    throughout("held after a restart", Duration::from_secs(3), || old(space) == COUNT);
    assert_eq!(plan_id(&sweeping), plan);

    // Neither another plan nor one that shows fewer is enough.
    let (rest, _) = plan.rsplit_once('-').unwrap();
    let fewer = format!("{rest}-9");
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
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, rate: 10000, brake: {{atMost: 3}}}}\n  rules:\n    \
         - {{name: short, match: {{namespaces: [{0}], namespaceSelector: {{matchLabels: \
         {{environment: dev}}}}}}, ttl: 7s, stored: Delete}}\n    \
         - {{name: long, match: {{namespaces: [{0}]}}, ttl: 7d, stored: Delete}}\n",
        space.name
    );
    let sweeping = Sweeping::with_policy(space, &text, &[]);
    let space = &sweeping.space;
    eventually("it is accepted", LIMIT, || {
        sweeping.note("curfew.dev/brake").as_str().filter(|t| t.contains("accepted")).map(drop)
    });
    space.kubectl.ok(&["label", "namespace", &space.name, "environment=dev"]);
    let plan = plan_id(&sweeping);
    assert_eq!(holds(&sweeping)[0]["cause"]["namespace"], space.name.as_str());
    throughout("held", Duration::from_secs(2), || old(space) == COUNT);
    assert_eq!(answer(&sweeping, &plan)["refused"], Value::Null);
    eventually("approved, they go", LIMIT, || (old(space) == 0).then_some(()));
}

const COUNT: usize = 10;
const LIMIT: Duration = Duration::from_secs(60);
