//! What RBAC cannot say of Leases and Events.

use std::time::Duration;

use serde_json::{Value, json};

use super::account::{Account, allowed, refused, scene};
use crate::helm::NAMESPACE;
use crate::support::{api::Patch, namespace::Namespace, wait::eventually};

#[test]
fn only_the_lease_of_the_election_is_created() {
    let Some(account) = ready("lease") else { return };
    let lease = |name: &str| json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}});
    let create = |namespace: &str, name: &str| {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases?dryRun=All");
        account.send("POST", &path, &lease(name))
    };
    for (namespace, name) in [
        (NAMESPACE, "kube-controller-manager"),
        (NAMESPACE, "curfew-other"),
        ("kube-system", "curfew"),
        ("default", "curfew"),
    ] {
        refused(&create(namespace, name), "no Lease but that of its election");
    }
    // Another test may have made it.
    let reply = create(NAMESPACE, "curfew");
    assert!([201, 409].contains(&reply.status), "{}", reply.body);
}

#[test]
fn events_are_told_in_its_own_name() {
    let Some(account) = ready("events") else { return };
    let space = account.plane.namespace("hard-told");
    let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", space.name);
    let post = |event: &Value| account.send("POST", &path, event);
    let about = |api: &str, kind: &str| {
        let mut event = event(&space.name, "told");
        event["regarding"]["apiVersion"] = json!(api);
        event["regarding"]["kind"] = json!(kind);
        event
    };
    let with = |member: &str, value: Value| {
        let mut event = event(&space.name, "told");
        event[member] = value;
        event
    };
    let in_its_own_name = "in its own name";
    for forged in [
        with("reportingController", json!("cronjob-controller")),
        with("related", json!({"kind": "Pod", "name": "a", "namespace": space.name})),
        about("v1", "Pod"),
        about("v1", "Job"),
        about("apps/v1", "Deployment"),
        // Only its own.
        about("coordination.k8s.io/v1", "Lease"),
    ] {
        refused(&post(&forged), in_its_own_name);
    }
    for kind in ["Job", "CronJob"] {
        let mut event = about("batch/v1", kind);
        event["metadata"]["name"] = json!(kind.to_lowercase());
        allowed(&post(&event));
    }
    // Of the older API as well.
    let older = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": "older", "namespace": space.name},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "a", "namespace": space.name},
        "reason": "Killing", "source": {"component": "kubelet"}, "type": "Normal",
    });
    let core = format!("/api/v1/namespaces/{}/events", space.name);
    refused(&account.send("POST", &core, &older), in_its_own_name);

    // One more of the same is told by a count.
    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-11-20T00:00:00.000000Z"}});
    let change = |name: &str, patch: &Value| {
        account.api.patch(Patch::Merge, &format!("{path}/{name}"), patch)
    };
    allowed(&change("job", &series));
    let how_often = "changes how often it was";
    refused(&change("job", &json!({"metadata": {"labels": {"a": "b"}}})), how_often);
    let theirs = with("reportingController", json!("job-controller"));
    account.plane.api.post(&path, &theirs).ok();
    refused(&change("told", &series), how_often);
}

/// The brake and a refused policy are told of at the Lease.
#[test]
fn events_about_its_own_lease_pass() {
    let Some(account) = ready("about") else { return };
    let path = format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events?dryRun=All");
    let mut event = event(NAMESPACE, "braked");
    event["regarding"] = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "name": "curfew", "namespace": NAMESPACE});
    allowed(&account.send("POST", &path, &event));
    event["regarding"]["name"] = json!("other");
    refused(&account.send("POST", &path, &event), "and its Lease");
}

fn event(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "eventTime": "2026-11-20T00:00:00.000000Z",
        "type": "Normal", "reason": "Deleted", "action": "Delete", "note": "it was old",
        "reportingController": "curfew.dev/controller", "reportingInstance": "curfew-0",
        "regarding": {"apiVersion": "batch/v1", "kind": "Job", "name": "a", "namespace": namespace},
    })
}

/// The account, once this policy is in force as well.
fn ready(prefix: &str) -> Option<Account> {
    let (account, _) = scene(prefix)?;
    Namespace::open(account.plane, NAMESPACE, &json!({}));
    let path = format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events?dryRun=All");
    let mut probe = event(NAMESPACE, "probe");
    probe["reportingController"] = json!("example.test/probe");
    eventually("the policy is in force", Duration::from_secs(60), || {
        (account.send("POST", &path, &probe).status == 403).then_some(())
    });
    Some(account)
}
