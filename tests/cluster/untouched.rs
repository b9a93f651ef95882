//! What is none of our business stays as its author wrote it, to the byte of the spec.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    audit, control_plane,
    curfew::Curfew,
    manifest::{cron_job, job, merged},
    namespace::Namespace,
    registration::{self, PROBE, Registration},
    scene::{Scene, record, ttl},
};

#[rstest]
#[case::helm_hook(json!({"metadata": {"annotations": {"helm.sh/hook": "pre-upgrade"}}}))]
#[case::argo_hook(json!({"metadata": {"annotations": {"argocd.argoproj.io/hook": "PreSync"}}}))]
#[case::argo_tracked(json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "app:batch/Job:x/y"}}}))]
#[case::flux_tracked(json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}}))]
#[case::helm_release(json!({"metadata": {"annotations": {"meta.helm.sh/release-name": "shop"}}}))]
#[case::jobset_child(json!({"metadata": {"ownerReferences": [{
    "apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "train",
    "uid": "11111111-2222-3333-4444-555555555555", "controller": true,
}]}}))]
#[case::exempt_by_label(json!({"metadata": {"labels": {"cleanup-policy": "keep"}}}))]
fn a_job_that_is_not_ours_to_judge(#[case] overlay: Value) {
    let Some(scene) = Scene::new("untouched", POLICY) else { return };
    let (object, again) = (job("theirs", overlay.clone()), job("with-ttl", overlay));
    let reply = scene.space.create(&object);
    let annotations = scene.plane.audit.annotations(&reply);
    assert_eq!(audit::calls(&annotations, &scene.registration.name), [false], "{annotations}");
    let stored = reply.ok();
    assert_eq!(ttl(&stored), &json!(null));
    assert_eq!(record(&stored), json!(null));
    // Nor is a value of theirs touched, though the rule enforces.
    let again = merged(again, json!({"spec": {"ttlSecondsAfterFinished": 86_400}}));
    let stored = scene.space.create(&again).ok();
    assert_eq!(ttl(&stored), 86_400);
    assert_eq!(ttl(&scene.space.touch_job("with-ttl", "again")), 86_400);
    // The same Job without the mark is judged: the scene does work.
    let ours = scene.space.create(&job("ours", json!({}))).ok();
    assert_eq!(ttl(&ours), 900);
}

#[test]
fn an_exempt_cron_job() {
    let Some(scene) = Scene::new("exempt-cron", POLICY) else { return };
    let labels = json!({"metadata": {"labels": {"cleanup-policy": "keep"}}});
    let stored = scene.space.create(&cron_job("theirs", labels)).ok();
    assert_eq!(ttl(&stored), &json!(null));
    assert_eq!(record(&stored), json!(null));
}

/// Exempted later: what is ours is taken back.
#[test]
fn a_job_that_becomes_exempt() {
    let Some(scene) = Scene::new("becomes", POLICY) else { return };
    scene.space.create(&job("one", json!({}))).ok();
    assert_eq!(ttl(&scene.space.job("one")), 900);
    scene.space.kubectl.ok(&["label", "job", "one", "cleanup-policy=keep"]);
    let stored = scene.space.job("one");
    assert_eq!((ttl(&stored), record(&stored)), (&json!(null), json!(null)));
    scene.space.kubectl.ok(&["label", "job", "one", "cleanup-policy-"]);
    assert_eq!(ttl(&scene.space.job("one")), 900);
}

/// Even where the registration lets them through, which the chart's does not.
#[rstest]
#[case::built_in("kube-system")]
#[case::by_the_policy("istio-system")]
#[case::our_own("curfew-system")]
fn a_namespace_that_is_never_touched(#[case] namespace: &str) {
    let Some(plane) = control_plane::shared() else { return };
    let space = Namespace::open(plane, namespace, &json!({}));
    let curfew = Curfew::start_with(
        &plane.authority,
        &[("policy.yaml", POLICY)],
        &["--namespace", "curfew-system"],
    );
    // Bound to the objects of this test: other tests may look at this namespace, too.
    let selector = json!({"objectSelector": {"matchLabels": {PROBE: "yes"}}});
    let webhooks = registration::curfew(&curfew.endpoint());
    let webhooks: Vec<Value> =
        webhooks.into_iter().map(|webhook| merged(webhook, selector.clone())).collect();
    let registration = Registration::new("never", &[&space], &webhooks);
    for object in [job("never", json!({})), cron_job("never", json!({}))] {
        let object = merged(object, json!({"metadata": {"labels": {PROBE: "yes"}}}));
        let reply = space.create(&object);
        let annotations = plane.audit.annotations(&reply);
        assert_eq!(audit::calls(&annotations, &registration.name), [false], "{annotations}");
        assert_eq!(ttl(&reply.ok()), &json!(null));
    }
}

/// An enforcing policy: nothing but a guard or an exemption can keep it off.
const POLICY: &str = r#"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  exempt:
    namespaces: ["istio-*"]
    selectors:
      - matchLabels: {cleanup-policy: keep}
  rules:
    - name: all
      match: {namespaces: ["*"]}
      ttl: 15m
      enforce: true
"#;
