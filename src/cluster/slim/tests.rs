mod kept;

use std::sync::Arc;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{CronJob, Decoder, Job, Keep, Namespace, Slim, Wire};
use crate::batch::{Child, Finish, Kind, Map, Object, Outcome, edits, namespace};
use crate::policy::decide::{Input, Operation};
use crate::policy::{Policy, Source};

fn policy(spec: &str) -> Policy {
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n{spec}"
    );
    let source = Source { name: "test.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:#?}")).policy
}

/// One that looks at everything an object has.
fn curious() -> Policy {
    policy(
        r"
  exempt:
    selectors:
      - matchLabels: {cleanup-policy: keep}
  guards: {deployHooks: Floor, floor: 10m}
  limits: {ttl: {max: 30d}, history: {max: 5}, hold: 14d}
  rules:
    - name: by-generated-label
      match: {labels: {job-name: special}}
      ttl: 5m
    - name: by-annotation
      match: {annotations: {example.test/team: etl}}
      ttl: 6m
    - name: by-name
      match: {names: [report-*]}
      ttl: {onSuccess: 7m, onFailure: 3d}
    - name: enforced
      match: {labels: {environment: dev}}
      enforce: true
      ttl: 8m
      history: {successful: 1, failed: 1}
  defaults: {ttl: 1h, history: {successful: 2, failed: 2}}
",
    )
}

fn job(overlay: &Value) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "one", "namespace": "team-a", "uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "resourceVersion": "1234", "creationTimestamp": "2026-11-01T00:00:00Z",
            "labels": {"job-name": "one", "app": "x"},
            "annotations": {"example.test/long": "x".repeat(10_000)},
        },
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
        "status": {"active": 1, "failed": 2, "succeeded": 3},
    });
    json_patch::merge(&mut job, overlay);
    job
}

fn cronjob(overlay: &Value) -> Value {
    let mut cronjob = json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": "report", "namespace": "team-a", "uid": "2b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "resourceVersion": "99", "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": {
            "schedule": "0 2 * * *", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {}, "spec": {"template": {"metadata": {"labels": {"environment": "dev"}}}}},
        },
    });
    json_patch::merge(&mut cronjob, overlay);
    cronjob
}

fn decoder(policy: &Policy) -> Decoder {
    Decoder { keep: Arc::new(Keep::of(policy)), ..Decoder::default() }
}

/// What the policy says of an object, in full.
fn decided(policy: &Policy, object: &Object<'_>, cronjob: Option<&Object<'_>>) -> String {
    let labels: Map<'_> = [("team", "a")].into_iter().collect();
    let input = Input {
        operation: Operation::Stored,
        object,
        old: None,
        cronjob,
        namespace: "team-a",
        namespace_labels: Some(&labels),
        own_namespace: Some("curfew"),
        now: Timestamp::UNIX_EPOCH,
    };
    format!("{:#?}", policy.decide(&input))
}

fn conditions(kind: &str, at: &Value) -> Value {
    json!({"status": {"conditions": [
        {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": "2026-10-01T00:00:00Z"},
        {"type": "Failed", "status": "False", "lastTransitionTime": "2026-10-02T00:00:00Z"},
        {"type": kind, "status": "True", "lastTransitionTime": at},
    ]}})
}

fn annotated(annotations: &Value) -> Value {
    json!({"metadata": {"annotations": annotations}})
}

fn applied(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"metadata": {"managedFields": [
        {"manager": "kubectl-create", "operation": "Update", "fieldsV1": {"f:metadata": {}}},
        {"manager": manager, "operation": operation, "fieldsV1": fields},
    ]}})
}

/// A decision about the small form is the decision about the object as it came.
#[rstest]
#[case::plain(json!({}))]
#[case::no_maps(json!({"metadata": {"labels": null, "annotations": null}}))]
#[case::finished(conditions("Complete", &json!("2026-11-02T00:00:00Z")))]
#[case::failed(conditions("Failed", &json!("2026-11-02T00:00:00Z")))]
#[case::finished_without_a_time(conditions("Complete", &Value::Null))]
#[case::finished_at_no_time(conditions("Complete", &json!("yesterday")))]
#[case::own_ttl(json!({"spec": {"ttlSecondsAfterFinished": i32::MAX}}))]
#[case::own_deadline(json!({"spec": {"activeDeadlineSeconds": 60}}))]
#[case::ours(json!({
    "metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[480,77,"dev"]}"#}},
    "spec": {"ttlSecondsAfterFinished": 480},
}))]
#[case::a_record_too_long(annotated(&json!({"curfew.dev/applied":
    format!(r#"{{"ttl":[480,77,"{}"]}}"#, "é".repeat(2000))})))]
#[case::held(annotated(&json!({"curfew.dev/hold-until": "2026-12-01T00:00:00Z"})))]
#[case::held_for_no_time(annotated(&json!({"curfew.dev/hold-until": "soon"})))]
#[case::hook(annotated(&json!({"helm.sh/hook": "pre-install"})))]
#[case::tracked(annotated(&json!({"argocd.argoproj.io/tracking-id": "x"})))]
#[case::named_annotation(annotated(&json!({"example.test/team": "etl"})))]
#[case::named_generated_label(json!({"metadata": {"labels": {"job-name": "special"}}}))]
#[case::exempt(json!({"metadata": {"labels": {"cleanup-policy": "keep"}}}))]
#[case::generate_name(json!({"metadata": {"generateName": "report-", "name": "report-x7k"}}))]
#[case::owned(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "jobset.x-k8s.io/v1", "kind": "JobSet", "name": "s", "uid": "u", "controller": true}]}}))]
#[case::last_applied(json!({
    "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
        r#"{"metadata":{"name":"one"},"spec":{"ttlSecondsAfterFinished":480,"template":{}}}"#,
        "curfew.dev/applied": r#"{"ttl":[480,null,"dev"]}"#}},
    "spec": {"ttlSecondsAfterFinished": 480},
}))]
#[case::last_applied_unreadable(annotated(&json!({
    "kubectl.kubernetes.io/last-applied-configuration": "{"})))]
#[case::instance_of_an_applied_object(json!({"metadata": {
    "labels": {"app.kubernetes.io/instance": "shop"},
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"spec\":{}}"}}}))]
#[case::just_room(annotated(&json!({"a/b": "x".repeat(262_144 - 3 - 18 - 24)})))]
#[case::no_room(annotated(&json!({"a/b": "x".repeat(262_144 - 3 - 18 - 23)})))]
#[case::no_room_beside_ours(annotated(&json!({"a/b": "x".repeat(262_000),
    "kubectl.kubernetes.io/last-applied-configuration": "{\"x\": 1, \"spec\": {\"y\": 1}}"})))]
#[case::tool(applied("pulumi-kubernetes-1a2b", "Apply", &json!({"f:spec": {}})))]
#[case::server_side_apply({
    let mut job = applied("kubectl", "Apply", &json!({"f:spec": {"f:ttlSecondsAfterFinished": {}}}));
    json_patch::merge(&mut job, &json!({
        "metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[480,null,"dev"]}"#}},
        "spec": {"ttlSecondsAfterFinished": 480},
    }));
    job
})]
#[case::terminating(json!({"metadata": {
    "deletionTimestamp": "2026-11-03T00:00:00Z", "finalizers": ["example.test/slow"]}}))]
fn a_job_is_judged_as_it_came(#[case] overlay: Value) {
    let policy = curious();
    let json = job(&overlay);
    let stored = Job::decode(&json.to_string(), &mut decoder(&policy)).unwrap();
    let whole = Object::from_json(Kind::Job, &json).unwrap();
    assert_eq!(decided(&policy, &stored.view(), None), decided(&policy, &whole, None));
    assert_eq!(stored.view().is_terminating(), whole.is_terminating());
    assert_eq!(Finish::of(&stored.view()), Finish::of(&whole));
    assert_eq!(stored.finish(), Finish::of(&whole));
}

#[rstest]
#[case::plain(json!({}))]
#[case::own_limits(json!({"spec": {"successfulJobsHistoryLimit": 30}}))]
#[case::suspended_zone(json!({"spec": {"timeZone": "Europe/Berlin", "startingDeadlineSeconds": 5}}))]
#[case::template_labels(json!({"spec": {"jobTemplate": {"metadata": {"labels": {"app": "x"}}}}}))]
#[case::template_only_ours(json!({"spec": {"jobTemplate": {"metadata": {
    "annotations": {"curfew.dev/applied": r#"{"ttl":[480,null,"dev"]}"#}},
    "spec": {"ttlSecondsAfterFinished": 480}}}}))]
#[case::no_template_metadata(json!({"spec": {"jobTemplate": {"metadata": null}}}))]
#[case::no_pod_labels(json!({"spec": {"jobTemplate": {"spec": {"template": {"metadata": null}}}}}))]
#[case::no_room_in_the_template(json!({"spec": {"jobTemplate": {"metadata": {
    "annotations": {"a/b": "x".repeat(262_050)}}}}}))]
#[case::last_applied(json!({"metadata": {"annotations": {
    "kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"schedule":"x","successfulJobsHistoryLimit":3,"jobTemplate":{"spec":{"ttlSecondsAfterFinished":9}}}}"#}}}))]
#[case::server_side_apply(applied("kubectl", "Apply", &json!({"f:spec": {
    "f:failedJobsHistoryLimit": {}, "f:jobTemplate": {"f:spec": {"f:ttlSecondsAfterFinished": {}}}}})))]
fn a_cronjob_and_its_child_are_judged_as_they_came(#[case] overlay: Value) {
    let policy = curious();
    let json = cronjob(&overlay);
    let child = job(&json!({"metadata": {"ownerReferences": [{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "controller": true,
        "uid": "2b4e28ba-2fa1-11d2-883f-0016d3cca427"}]}}));
    let mut decoder = decoder(&policy);
    let stored = CronJob::decode(&json.to_string(), &mut decoder).unwrap();
    let stored_child = Job::decode(&child.to_string(), &mut decoder).unwrap();
    let (stored, stored_child) = (stored.view(), stored_child.view());
    let whole = Object::from_json(Kind::CronJob, &json).unwrap();
    let whole_child = Object::from_json(Kind::Job, &child).unwrap();
    assert_eq!(decided(&policy, &stored, None), decided(&policy, &whole, None));
    let family = decided(&policy, &stored_child, Some(&stored));
    assert_eq!(family, decided(&policy, &whole_child, Some(&whole)));
    assert!(family.contains("Considered"), "{family}");
}

/// How starts are going is told alike of what is stored and of a dump.
#[rstest]
#[case::plain(json!({}))]
#[case::no_status(json!({"status": null}))]
#[case::waits(json!({"status": {"failed": null, "succeeded": null, "ready": 0, "terminating": 0}}))]
#[case::ready(json!({"status": {"failed": null, "succeeded": null, "ready": 1}}))]
#[case::uncounted(json!({"status": {"failed": null, "succeeded": null,
    "uncountedTerminatedPods": {"succeeded": ["u"]}}}))]
#[case::none_uncounted(json!({"status": {"failed": null, "succeeded": null,
    "uncountedTerminatedPods": {"succeeded": [], "failed": []}}}))]
#[case::managed_by_another(json!({"spec": {"managedBy": "kueue.x-k8s.io/multikueue"},
    "status": {"failed": null, "succeeded": null}}))]
#[case::managed_by_the_built_in(json!({"spec": {"managedBy": "kubernetes.io/job-controller"},
    "status": {"failed": null, "succeeded": null}}))]
#[case::fails(conditions("FailureTarget", &json!("2026-11-02T00:00:00Z")))]
#[case::succeeds(json!({"status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True",
    "reason": "SuccessPolicy", "lastTransitionTime": "2026-11-02T00:00:00Z"}]}}))]
#[case::for_no_reason(json!({"status": {"conditions": [{"type": "FailureTarget", "status": "True",
    "reason": "a\nb", "lastTransitionTime": "2026-11-02T00:00:00Z"}]}}))]
#[case::at_no_time(conditions("FailureTarget", &json!("soon")))]
#[case::finished(conditions("Failed", &json!("2026-11-02T00:00:00Z")))]
#[case::terminating(json!({"metadata": {"deletionTimestamp": "2026-11-03T00:00:00Z"}}))]
#[case::suspended(json!({"spec": {"suspend": true}}))]
fn a_job_tells_the_same_of_its_pods(#[case] overlay: Value) {
    let json = job(&overlay);
    let stored = Job::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    let object = Object::stored(Kind::Job, &json).unwrap();
    let whole = Child::of(&object, "").unwrap();
    assert_eq!((stored.waits, stored.suspended), (whole.waits, whole.suspended));
    // Of one that is over nobody asks.
    let ending = whole.ending.filter(|_| whole.finish.is_none());
    assert_eq!(stored.ending(), ending);
    assert_eq!(stored.finish().map(|finish| finish.outcome), whole.finish);
}

/// Whoever asks: a decision, what is stored, and what tells how starts are going.
#[rstest]
#[case::the_controller_is_second([None, Some(true)], "b")]
#[case::the_controller_is_first([Some(true), None], "a")]
#[case::the_other_says_that_it_is_none([Some(false), Some(true)], "b")]
#[case::no_controller([None, None], "a")]
fn a_job_of_two_cronjobs_belongs_to_the_controller(
    #[case] controller: [Option<bool>; 2],
    #[case] expected: &str,
) {
    let owners = ["a", "b"].iter().zip(controller).map(|(name, controller)| {
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": format!("u-{name}"),
            "controller": controller})
    });
    let json = job(&json!({"metadata": {"ownerReferences": owners.collect::<Vec<_>>()}}));
    let whole = Object::from_json(Kind::Job, &json).unwrap();
    let stored = Job::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    let owner = |object: &Object<'_>| object.cronjob_owner().unwrap().name.to_string();
    assert_eq!(owner(&whole), expected);
    assert_eq!(owner(&stored.view()), expected);
    assert_eq!(&*stored.meta.cronjob_owner().unwrap().name, expected);
    // Starts are told of those that a controller manages.
    let managed = controller.contains(&Some(true)).then_some(expected);
    assert_eq!(whole.controller().map(|owner| &*owner.name), managed);
}

#[rstest]
#[case::plain(json!({}))]
#[case::unedited(json!({"metadata": {"generation": 1}}))]
#[case::edited(json!({"metadata": {"generation": 2, "managedFields": [
    {"manager": "helm", "time": "2026-11-02T00:00:00Z", "fieldsV1": {"f:spec": {"f:schedule": {}}}}]}}))]
#[case::no_entries(json!({"metadata": {"generation": 2, "managedFields": []}}))]
fn a_cronjob_tells_the_same_of_its_edits(#[case] overlay: Value) {
    let json = cronjob(&overlay);
    let stored = CronJob::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    let created = stored.meta.created.unwrap().time();
    assert_eq!(stored.scheduling.in_force(created), edits::stored(&json));
}

#[test]
fn what_nobody_reads_is_not_kept() {
    let policy =
        policy("  exempt: {selectors: [{matchLabels: {app: y}}]}\n  defaults: {ttl: 1h}\n");
    let json = job(&json!({"metadata": {"annotations": {
        "example.test/team": "etl", "curfew.dev/x": "y", "curfew.dev/hold-until": "soon",
        "helm.sh/hook": "post-install",
    }}}));
    let stored = Job::decode(&json.to_string(), &mut decoder(&policy)).unwrap();
    let annotations: Vec<_> = stored.meta.annotations.iter().collect();
    // Of a hook it counts that it is there.
    assert_eq!(annotations, [("curfew.dev/hold-until", "soon"), ("helm.sh/hook", "post")]);
    assert_eq!(stored.meta.labels.iter().collect::<Vec<_>>(), [("app", "x")]);
    assert_eq!((stored.pods, stored.bytes as usize), (6, json.to_string().len()));
}

#[test]
fn a_policy_that_names_more_is_not_covered() {
    let (small, large) = (Keep::of(&policy("  defaults: {ttl: 1h}\n")), Keep::of(&curious()));
    assert!(large.covers(&small) && large.covers(&large) && small.covers(&small));
    assert!(!small.covers(&large));
}

#[rstest]
#[case::no_spec(json!({"spec": null}), "no spec")]
#[case::no_uid(json!({"metadata": {"uid": null}}), "no metadata.uid")]
#[case::labels_as_a_list(json!({"metadata": {"labels": []}}), "map")]
#[case::ttl_as_text(json!({"spec": {"ttlSecondsAfterFinished": "1h"}}), "i64")]
fn what_cannot_be_read_says_why(#[case] overlay: Value, #[case] expected: &str) {
    let json = job(&overlay).to_string();
    let wire: Wire<Job> = serde_json::from_str(&json).unwrap();
    let error = wire.decode(&mut Decoder::default()).unwrap_err();
    assert!(error.contains(expected), "{error}");
    assert_eq!(wire.key().to_string(), "team-a/one");
}

#[test]
fn a_namespace_keeps_every_label() {
    let json = json!({"metadata": {"name": "team-a", "uid": "u", "labels": {"job-name": "x"}}});
    let namespace = Namespace::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    assert_eq!(namespace.labels.get("job-name"), Some("x"));
    let bare = json!({"metadata": {"name": "team-a", "uid": "u"}});
    let namespace = Namespace::decode(&bare.to_string(), &mut Decoder::default()).unwrap();
    assert!(namespace.labels.view().unwrap().is_empty());
}

#[rstest]
#[case::lives(json!({"metadata": {"name": "a"}, "status": {"phase": "Active"}}))]
#[case::goes_away(json!({"metadata": {"name": "a"}, "status": {"phase": "Terminating"}}))]
#[case::was_deleted(json!({"metadata": {"name": "a", "deletionTimestamp": "2026-11-02T00:00:00Z"}}))]
#[case::without_a_status(json!({"metadata": {"name": "a"}}))]
fn a_namespace_that_goes_away(#[case] json: Value) {
    let namespace = Namespace::decode(&json.to_string(), &mut Decoder::default()).unwrap();
    assert_eq!(namespace.terminating, namespace::is_terminating(&json));
}

#[test]
fn the_first_deciding_condition_counts() {
    let at = json!("2026-11-02T00:00:00Z");
    let stored =
        Job::decode(&job(&conditions("Failed", &at)).to_string(), &mut Decoder::default()).unwrap();
    assert_eq!(stored.finish().unwrap().outcome, Outcome::Failure);
    assert_eq!(stored.finish().unwrap().at, Some("2026-11-02T00:00:00Z".parse().unwrap()));
}
