//! Every way to write a Job ends with the TTL of the policy, and no second write undoes it.

use serde_json::json;

use crate::support::{
    api::Patch,
    audit,
    manifest::{cron_job, job},
    scene::{Scene, record, template_record, ttl},
};

#[test]
fn kubectl_create() {
    let Some(scene) = Scene::new("create", POLICY) else { return };
    scene.space.kubectl.ok(&["create", "job", "hello", "--image=busybox"]);
    let stored = scene.space.job("hello");
    assert_eq!(ttl(&stored), 3600);
    assert_eq!(record(&stored), json!({"ttl": [3600, null, "defaults"]}));
}

#[test]
fn a_value_of_the_author_is_kept() {
    let Some(scene) = Scene::new("author", POLICY) else { return };
    let manifest = job("hello", json!({"spec": {"ttlSecondsAfterFinished": 7200}}));
    let said = scene.space.kubectl.ok_with(&["create", "-f", "-"], &manifest.to_string());
    assert!(!said.stderr.contains("Warning"), "{}", said.stderr);
    let stored = scene.space.job("hello");
    assert_eq!(ttl(&stored), 7200);
    assert_eq!(record(&stored), json!(null));
}

#[test]
fn a_value_beyond_the_limits_is_lowered_and_kubectl_says_so() {
    let Some(scene) = Scene::new("limits", POLICY) else { return };
    let manifest = job("hello", json!({"spec": {"ttlSecondsAfterFinished": 2_592_000}}));
    let said = scene.space.kubectl.ok_with(&["create", "-f", "-"], &manifest.to_string());
    assert!(said.stderr.contains("Warning: "), "{}", said.stderr);
    let stored = scene.space.job("hello");
    assert_eq!(ttl(&stored), 604_800);
    assert_eq!(record(&stored)["ttl"][1], 2_592_000);
}

#[test]
fn kubectl_apply_again_and_again() {
    let Some(scene) = Scene::new("apply", POLICY) else { return };
    let kubectl = &scene.space.kubectl;
    let manifest = job("hello", json!({"metadata": {"labels": {"environment": "dev"}}}));
    let said = kubectl.ok_with(&["apply", "-f", "-"], &manifest.to_string());
    assert!(said.stdout.contains("created"), "{}", said.stdout);
    assert_eq!(ttl(&scene.space.job("hello")), 300);
    let said = kubectl.ok_with(&["apply", "-f", "-"], &manifest.to_string());
    assert!(said.stdout.contains("unchanged"), "{}", said.stdout);
    // What a GitOps tool would see as drift; kubectl diff exits with 1 where it finds any.
    kubectl.ok_with(&["diff", "-f", "-"], &manifest.to_string());
    // Another label is another rule.
    let manifest = job("hello", json!({"metadata": {"labels": {"environment": "other"}}}));
    kubectl.ok_with(&["apply", "-f", "-"], &manifest.to_string());
    let stored = scene.space.job("hello");
    assert_eq!(ttl(&stored), 3600);
    assert_eq!(record(&stored), json!({"ttl": [3600, null, "defaults"]}));
}

#[test]
fn kubectl_apply_on_the_server() {
    let Some(scene) = Scene::new("ssa", POLICY) else { return };
    let manifest = job("hello", json!({})).to_string();
    for _ in 0..2 {
        scene.space.kubectl.ok_with(&["apply", "--server-side", "-f", "-"], &manifest);
        assert_eq!(ttl(&scene.space.job("hello")), 3600);
    }
    scene.space.kubectl.ok_with(&["diff", "--server-side", "-f", "-"], &manifest);
}

#[test]
fn replace_without_the_ttl_means_it() {
    let Some(scene) = Scene::new("replace", POLICY) else { return };
    let kubectl = &scene.space.kubectl;
    scene.space.create(&job("hello", json!({}))).ok();
    let mut object = kubectl.json(&["get", "job", "hello"], "");
    // As it came, with another parallelism: nothing of ours changes.
    object["spec"]["parallelism"] = json!(2);
    kubectl.ok_with(&["replace", "-f", "-"], &object.to_string());
    let stored = scene.space.job("hello");
    assert_eq!((ttl(&stored), &stored["spec"]["parallelism"]), (&json!(3600), &json!(2)));
    // Without the TTL: somebody took it out, and it stays out through later updates.
    let mut object = kubectl.json(&["get", "job", "hello"], "");
    object["spec"].as_object_mut().expect("a spec").remove("ttlSecondsAfterFinished");
    kubectl.ok_with(&["replace", "-f", "-"], &object.to_string());
    assert_eq!(ttl(&scene.space.job("hello")), &json!(null));
    for value in ["once", "twice"] {
        let stored = scene.space.touch_job("hello", value);
        assert_eq!(ttl(&stored), &json!(null), "touched {value}");
        assert_eq!(record(&stored), json!({"ttl": [null, null, "author"]}));
    }
}

#[test]
fn replace_that_drops_our_annotation_gets_it_back() {
    let Some(scene) = Scene::new("dropped", POLICY) else { return };
    scene.space.create(&job("hello", json!({}))).ok();
    let mut object = scene.space.job("hello");
    object["metadata"]["annotations"] = json!({"their": "own"});
    scene.plane.api.put(&scene.space.path("jobs/hello"), &object).ok();
    let stored = scene.space.job("hello");
    assert_eq!(ttl(&stored), 3600);
    assert_eq!(record(&stored), json!({"ttl": [3600, null, "defaults"]}));
    assert_eq!(stored["metadata"]["annotations"]["their"], "own");
}

#[test]
fn a_patch_of_something_else_is_not_our_business() {
    let Some(scene) = Scene::new("patch", POLICY) else { return };
    scene.space.create(&job("hello", json!({}))).ok();
    let before = scene.space.job("hello");
    let calls = scene.curfew.metric("curfew_admission_requests_total");
    scene.space.kubectl.ok(&["patch", "job", "hello", "-p", r#"{"spec":{"parallelism":3}}"#]);
    let after = scene.space.job("hello");
    assert_eq!(after["spec"]["parallelism"], 3);
    assert_eq!(ttl(&after), ttl(&before));
    assert_eq!(record(&after), record(&before));
    let after = scene.curfew.metric("curfew_admission_requests_total");
    assert!((after - calls).abs() < 0.5, "the API server asked all the same");
}

#[test]
fn dry_run_shows_what_would_be_stored() {
    let Some(scene) = Scene::new("dry", POLICY) else { return };
    let arguments = ["create", "job", "hello", "--image=busybox", "--dry-run=server"];
    let shown = scene.space.kubectl.json(&arguments, "");
    assert_eq!(ttl(&shown), 3600);
    assert_eq!(record(&shown), json!({"ttl": [3600, null, "defaults"]}));
    assert!(scene.space.find_job("hello").is_none());
}

#[test]
fn a_generated_name_is_matched_by_its_prefix() {
    let Some(scene) = Scene::new("generated", POLICY) else { return };
    let mut object = job("ignored", json!({"metadata": {"generateName": "batch-processor-"}}));
    object["metadata"].as_object_mut().expect("metadata").remove("name");
    let stored = scene.space.create(&object).ok();
    let name = stored["metadata"]["name"].as_str().expect("the API server made one");
    assert!(name.starts_with("batch-processor-") && name.len() > "batch-processor-".len());
    assert_eq!(ttl(&stored), 259_200);
    // And stays what it is when the stored object, which has a name now, is looked at again.
    assert_eq!(ttl(&scene.space.touch_job(name, "again")), 259_200);
}

#[test]
fn create_job_from_cron_job_inherits_value_and_record() {
    let Some(scene) = Scene::new("from", POLICY) else { return };
    let cron_job = scene.space.create(&cron_job("nightly", json!({}))).ok();
    assert_eq!(ttl(&cron_job), 172_800);
    let expected = json!({"ttl": [172_800, null, "cron"]});
    assert_eq!(template_record(&cron_job), expected);
    scene.space.kubectl.ok(&["create", "job", "by-hand", "--from=cronjob/nightly"]);
    let stored = scene.space.job("by-hand");
    assert_eq!(ttl(&stored), 172_800);
    assert_eq!(record(&stored), expected);
    assert_eq!(stored["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"], "manual");
}

/// Go's client sends a null timestamp and an empty status with everything.
#[test]
fn a_raw_post_as_client_libraries_send_it() {
    let Some(scene) = Scene::new("raw", POLICY) else { return };
    let mut object = job("hello", json!({"metadata": {"labels": {"environment": "dev"}}}));
    object["metadata"]["creationTimestamp"] = json!(null);
    object["spec"]["template"]["metadata"] = json!({"creationTimestamp": null});
    object["status"] = json!({});
    let reply = scene.space.create(&object);
    assert_eq!(reply.warnings, Vec::<String>::new());
    let stored = reply.ok();
    assert_eq!(ttl(&stored), 300);
    assert_eq!(record(&stored), json!({"ttl": [300, null, "dev"]}));
}

/// An update carries the object twice: more than the two MiB at which many servers stop reading.
#[test]
fn a_job_as_large_as_etcd_takes_it() {
    let Some(scene) = Scene::new("large", POLICY) else { return };
    let mut object = job("large", json!({}));
    object["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "DATA", "value": "\u{e9}\"\\ ".repeat(200_000)}]);
    let reply = scene.space.create(&object);
    let annotations = scene.plane.audit.annotations(&reply);
    assert!(!audit::failed_open(&annotations), "after {:?}: {annotations}", reply.took);
    assert_eq!(ttl(&reply.ok()), 3600);
    let label = json!({"metadata": {"labels": {"environment": "dev"}}});
    let reply = scene.space.patch_job("large", &label);
    let annotations = scene.plane.audit.annotations(&reply);
    assert!(!audit::failed_open(&annotations), "after {:?}: {annotations}", reply.took);
    assert_eq!(ttl(&reply.ok()), 300);
}

#[test]
fn a_json_patch_of_the_ttl_is_the_authors_word() {
    let Some(scene) = Scene::new("json-patch", POLICY) else { return };
    scene.space.create(&job("hello", json!({}))).ok();
    let operations =
        json!([{"op": "replace", "path": "/spec/ttlSecondsAfterFinished", "value": 1234}]);
    let path = scene.space.path("jobs/hello");
    let stored = scene.plane.api.patch(Patch::Json, &path, &operations).ok();
    assert_eq!(ttl(&stored), 1234);
    assert_eq!(ttl(&scene.space.touch_job("hello", "again")), 1234);
    assert_eq!(record(&scene.space.job("hello")), json!(null));
}

#[test]
fn the_audit_log_tells_decision_rule_and_revision() {
    let Some(scene) = Scene::new("audit", POLICY) else { return };
    let reply =
        scene.space.create(&job("dev", json!({"metadata": {"labels": {"environment": "dev"}}})));
    let annotations = scene.plane.audit.annotations(&reply);
    for key in ["decision", "rule", "revision"] {
        let text = annotations[format!("jobs.curfew.dev/{key}")].as_str();
        assert!(text.is_some_and(|text| !text.is_empty()), "{key}: {annotations}");
    }
    let rule = annotations["jobs.curfew.dev/rule"].as_str().expect("seen above");
    assert!(rule.contains("dev"), "{rule}");
}

const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  limits:
    ttl: {max: 7d}
  rules:
    - name: cron
      match: {kinds: [CronJob]}
      ttl: 2d
    - name: bulk-batch
      match: {names: ['batch-processor-*']}
      ttl: {onSuccess: 1h, onFailure: 3d}
    - name: dev
      match: {labels: {environment: [dev, development]}}
      ttl: 5m
  defaults:
    ttl: 1h
";
