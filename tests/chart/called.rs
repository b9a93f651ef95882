//! For which requests the API server calls the webhooks as they are rendered.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helm::{Helm, NAMESPACE, Rendering};
use crate::support::{
    api::{Api, Patch},
    control_plane::{self, ControlPlane},
    manifest::job,
    namespace::Namespace,
    stub::Stub,
    wait::eventually,
};

/// The policy of this version, in our namespace, and nothing else: above all not the policy of
/// another version during an upgrade.
#[test]
fn the_policy_webhook_sees_the_policy_alone() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let stub = Stub::echo(&plane.authority);
    // Under a name of its own: other tests render the chart into the same namespace.
    let rendering = helm.release("guarded", &[]).unwrap();
    register(plane, &rendering, "Validating", &stub);
    let space = Namespace::open(plane, NAMESPACE, &json!({}));
    let other = plane.namespace("guarded");
    let version = "app.kubernetes.io/version";
    let map = |name: &str, value: &str| json!({"metadata": {"name": name, "labels": {version: value}}, "data": {"a": "b"}});
    let ours = env!("CARGO_PKG_VERSION");
    let path = |space: &Namespace<'_>| format!("/api/v1/namespaces/{}/configmaps", space.name);
    let dry = |space: &Namespace<'_>| format!("{}?dryRun=All", path(space));
    eventually("the policy is reviewed", Duration::from_secs(30), || {
        plane.api.post(&dry(&space), &map("guarded-curfew-policy", ours)).ok();
        (stub.calls() > 0).then_some(())
    });
    let calls = |act: &dyn Fn()| {
        let before = stub.calls();
        act();
        stub.calls() - before
    };
    let created =
        |space: &Namespace<'_>, map: &Value| calls(&|| drop(plane.api.post(&dry(space), map).ok()));
    assert_eq!(created(&space, &map("guarded-curfew-policy", ours)), 1);
    assert_eq!(created(&space, &map("guarded-curfew-policy", "9.9.9")), 0);
    assert_eq!(created(&space, &map("another", ours)), 0);
    assert_eq!(created(&other, &map("guarded-curfew-policy", ours)), 0);
    let bare = json!({"metadata": {"name": "guarded-curfew-policy"}});
    assert_eq!(created(&space, &bare), 0);
    // An upgrade, which the old version must not judge, and a rollback, which it must.
    plane.api.post(&path(&space), &map("guarded-curfew-policy", ours)).ok();
    let stored = format!("{}/guarded-curfew-policy", path(&space));
    let update = |value: &str| {
        let change = json!({"metadata": {"labels": {version: value}}, "data": {"a": value}});
        calls(&|| drop(plane.api.patch(Patch::Merge, &stored, &change).ok()))
    };
    assert_eq!(update("9.9.9"), 0);
    // Twice where the API server began with an older copy, and had to begin again.
    assert!(update(ours) > 0);
    assert_eq!(calls(&|| drop(plane.api.delete(&stored).ok())), 0);
}

/// New and changed Jobs of others; none in a system namespace, none that is going.
#[test]
fn the_webhook_sees_what_it_may_change() {
    let (Some(helm), Some(plane)) = (Helm::find(), control_plane::shared()) else { return };
    let stub = Stub::echo(&plane.authority);
    let space = plane.namespace("called");
    // All namespaces of this test, and the system's, which stay out all the same.
    let names = json!([space.name, "kube-system", "kube-public", "kube-node-lease", NAMESPACE]);
    let expression =
        json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": names});
    let selector = json!({"matchExpressions": [expression]});
    let rendering = helm
        .release("called", &["--set-json", &format!("webhook.namespaceSelector={selector}")])
        .unwrap();
    register(plane, &rendering, "Mutating", &stub);
    eventually("the webhook is called", Duration::from_secs(30), || {
        space.dry_run(&job("probe", json!({}))).ok();
        (stub.calls() > 0).then_some(())
    });
    let calls = |act: &dyn Fn()| {
        let before = stub.calls();
        act();
        // Asked again where another webhook changed something; there is none.
        stub.calls() - before
    };
    for name in ["kube-system", "kube-public", "kube-node-lease", NAMESPACE] {
        let system = Namespace::open(plane, name, &json!({}));
        assert_eq!(calls(&|| drop(system.dry_run(&job("a", json!({}))).ok())), 0, "{name}");
    }
    let finalizers = json!({"metadata": {"finalizers": ["example.test/a"]}});
    assert_eq!(calls(&|| drop(space.create(&job("a", finalizers.clone())).ok())), 1);
    let change = |value: &Value| calls(&|| drop(space.patch_job("a", value).ok()));
    assert_eq!(change(&json!({"metadata": {"labels": {"a": "b"}}})), 1);
    assert_eq!(change(&json!({"spec": {"ttlSecondsAfterFinished": 9}})), 1);
    assert_eq!(change(&json!({"spec": {"parallelism": 2}})), 0);
    // Our own account: what it creates is judged, what it changes is not.
    let account = format!("system:serviceaccount:{NAMESPACE}:called-curfew");
    let own = Api::new(&plane.kubeconfig_for(&account, Some("system:masters")));
    let ttl = json!({"spec": {"ttlSecondsAfterFinished": 8}});
    let path = space.path("jobs/a");
    assert_eq!(calls(&|| drop(own.patch(Patch::Merge, &path, &ttl).ok())), 0);
    plane.api.delete(&path).ok();
    assert_eq!(change(&json!({"metadata": {"finalizers": null, "labels": {"a": "c"}}})), 0);
    assert!(space.find_job("a").is_none());
}

/// Registers a rendered configuration, with a stub in the place of the Service.
fn register(plane: &ControlPlane, rendering: &Rendering, which: &str, stub: &Stub) {
    let kind = format!("{which}WebhookConfiguration");
    let mut object = rendering.of(&kind).next().unwrap().clone();
    for webhook in object["webhooks"].as_array_mut().unwrap() {
        let url = format!("https://{}/mutate", stub.address);
        webhook["clientConfig"] = json!({"url": url, "caBundle": plane.authority.bundle()});
        // On a machine with other work, two seconds can be short.
        webhook["timeoutSeconds"] = json!(10);
    }
    let plural = format!("{}s", kind.to_lowercase());
    plane.api.post(&format!("/apis/admissionregistration.k8s.io/v1/{plural}"), &object).ok();
}
