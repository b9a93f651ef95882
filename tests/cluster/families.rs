//! What the webhook knows of a cluster: the `CronJob` that made a Job, the labels of a namespace.
//! And that it never waits for a cluster to tell.

use std::{net::TcpListener, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    api::Patch,
    control_plane::{self, ControlPlane, free_port},
    curfew::Curfew,
    load::Caller,
    manifest::{cron_job, job},
    namespace::Namespace,
    process::Scratch,
    registration::{self, Registration},
    scene::{record, template_record, ttl},
    wait::eventually,
};

/// A namespace whose objects are reviewed by a curfew in the cluster.
struct Family {
    _registration: Registration<'static>,
    curfew: Curfew,
    space: Namespace<'static>,
    plane: &'static ControlPlane,
}

// === impl Family ===

impl Family {
    /// Whatever is in the namespace already is older than the webhook.
    fn around(space: Namespace<'static>, policy: &str) -> Self {
        let plane = space.plane;
        let curfew = Curfew::start_in(plane, policy);
        let webhooks = registration::curfew(&curfew.endpoint());
        let registration = Registration::new("curfew", &[&space], &webhooks);
        Self { _registration: registration, curfew, space, plane }
    }

    /// What would be stored, once curfew knows what it needs to decide so; a cache is a moment
    /// behind what was written.
    #[track_caller]
    fn soon(&self, object: &Value, decision: &str, expected: Option<i64>) -> Value {
        eventually(&format!("{decision}, {expected:?}"), SOON, || {
            let reply = self.space.dry_run(object);
            let decided = decision_of(&self.plane.audit.annotations(&reply));
            let stored = reply.ok();
            (decided.as_deref() == Some(decision) && ttl(&stored).as_i64() == expected)
                .then_some(stored)
        })
    }
}

/// The `CronJob`s are older than the webhook, so nothing was inherited: whatever their Jobs get
/// comes from what is known of the family. The name of a Job itself is not matched.
#[test]
fn a_job_from_a_cronjob_gets_the_rule_of_its_family() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("family");
    make_cron_job(&space, "nightly-etl");
    let family = Family::around(space, POLICY);
    let parent = family.space.cron_job("nightly-etl");
    assert_eq!(ttl(&parent), &Value::Null);
    family.soon(&child_of(&parent, "probe"), "patched", Some(60));
    let run = run_from(&family.space, "nightly-etl", "run");
    assert_eq!(ttl(&run), 60);
    assert_eq!(record(&run), json!({"ttl": [60, null, "etl"]}));
    assert_eq!(run["metadata"]["ownerReferences"][0]["uid"], parent["metadata"]["uid"]);
    // Of one that came after the webhook, the value is inherited, and stays the family's.
    make_cron_job(&family.space, "hourly-etl");
    let parent = family.space.cron_job("hourly-etl");
    assert_eq!(template_record(&parent), json!({"ttl": [60, null, "etl"]}));
    family.soon(&child_of(&parent, "probe"), "patched", Some(60));
    let run = run_from(&family.space, "hourly-etl", "second-run");
    assert_eq!((ttl(&run), record(&run)), (&json!(60), template_record(&parent)));
}

/// The label is put on the `CronJob` and nothing else.
#[test]
fn a_label_of_the_cronjob_counts_for_its_next_job() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("family");
    make_cron_job(&space, "report");
    let family = Family::around(space, POLICY);
    let probe = child_of(&family.space.cron_job("report"), "probe");
    family.soon(&probe, "patched", Some(600));
    family.space.kubectl.ok(&["label", "cronjob", "report", "tier=gold"]);
    family.soon(&probe, "patched", Some(120));
    let run = run_from(&family.space, "report", "run");
    // The template has got the rule's value with the label, and the Job has inherited it.
    assert_eq!((ttl(&run), record(&run)), (&json!(120), json!({"ttl": [120, null, "gold"]})));
}

#[test]
fn a_job_of_an_exempt_cronjob_is_left_as_it_is() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("family");
    make_cron_job(&space, "nightly-etl");
    space.kubectl.ok(&["label", "cronjob", "nightly-etl", "cleanup-policy=keep"]);
    let family = Family::around(space, POLICY);
    let probe = child_of(&family.space.cron_job("nightly-etl"), "probe");
    family.soon(&probe, "exempt", None);
    let run = run_from(&family.space, "nightly-etl", "run");
    assert_eq!((ttl(&run), record(&run)), (&Value::Null, Value::Null));
    assert_eq!(
        run["metadata"]["annotations"],
        json!({"cronjob.kubernetes.io/instantiate": "manual"})
    );
    let touched = family.space.touch_job("run", "again");
    assert_eq!((ttl(&touched), record(&touched)), (&Value::Null, Value::Null));
    // It is no longer exempt, and neither is what it makes from then on.
    family.space.kubectl.ok(&["label", "cronjob", "nightly-etl", "cleanup-policy-"]);
    family.soon(&probe, "patched", Some(60));
}

/// An owner reference with the uid of a `CronJob` that is gone, or never was.
#[test]
fn a_job_of_a_cronjob_that_is_not_there_is_left_as_it_is() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("family");
    make_cron_job(&space, "nightly-etl");
    let family = Family::around(space, POLICY);
    let mut orphan = child_of(&family.space.cron_job("nightly-etl"), "orphan");
    family.soon(&orphan, "patched", Some(60));
    orphan["metadata"]["ownerReferences"][0]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    family.soon(&orphan, "unknown-cronjob", None);
    let count = r#"decision="unknown-cronjob""#;
    assert!(family.curfew.metric_with("curfew_admission_requests_total", count) >= 1.0);
}

#[test]
fn a_namespace_is_judged_by_its_labels_as_they_are() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("labelled");
    label(&space, &json!({"team": "a"}));
    let family = Family::around(space, NAMESPACES);
    let job = job("one", json!({}));
    family.soon(&job, "patched", Some(60));
    label(&family.space, &json!({"team": "b"}));
    family.soon(&job, "patched", Some(600));
    label(&family.space, &json!({"sandbox": "yes"}));
    family.soon(&job, "exempt", None);
    label(&family.space, &json!({"sandbox": null, "team": "a"}));
    family.soon(&job, "patched", Some(60));
    assert_eq!(ttl(&family.space.create(&job).ok()), 60);
}

/// The first policy does not ask for labels of namespaces, so that perhaps nobody watches them.
#[test]
fn a_policy_that_reads_more_takes_effect_without_a_restart() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("labelled");
    label(&space, &json!({"team": "a"}));
    make_cron_job(&space, "noted");
    space.kubectl.ok(&["annotate", "cronjob", "noted", "example.test/tier=gold"]);
    let family = Family::around(space, POLICY);
    let child = child_of(&family.space.cron_job("noted"), "probe");
    family.soon(&child, "patched", Some(600));
    family.curfew.set_policy(&[("policy.yaml", NAMESPACES)]);
    family.soon(&job("one", json!({})), "patched", Some(60));
    // An annotation that was not kept for the first policy.
    family.curfew.set_policy(&[("policy.yaml", ANNOTATIONS)]);
    family.soon(&child, "patched", Some(180));
    // And a label.
    family.space.kubectl.ok(&["label", "cronjob", "noted", "example.test/tier=silver"]);
    family.curfew.set_policy(&[("policy.yaml", LABELS)]);
    family.soon(&child, "patched", Some(240));
}

/// Nobody listens there, or somebody does and never says a word.
#[rstest]
fn without_an_api_server_nothing_waits(#[values(false, true)] silent: bool) {
    let Some(plane) = control_plane::shared() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let port = listener.local_addr().expect("it is bound").port();
    // The kernel takes connections for a listener that nobody asks for them.
    let (port, _listener) = if silent { (port, Some(listener)) } else { (free_port(), None) };
    let scratch = Scratch::new().expect("a scratch directory can be made");
    let kubeconfig = scratch.write("dead.kubeconfig", kubeconfig_for(plane, port));
    let curfew = Curfew::launch_in(&plane.authority, &kubeconfig, NAMESPACES);
    let caller = Caller::new(&plane.authority, curfew.address);
    let decided = |review: &str| {
        let answer = caller.call(review).answer.expect("a review is answered");
        assert_eq!(answer["response"]["allowed"], true);
        let patch = answer["response"]["patch"].as_str().unwrap_or_default();
        let patch = STANDARD.decode(patch).expect("a patch is in base64");
        let decision = answer["response"]["auditAnnotations"]["decision"].clone();
        (decision, String::from_utf8(patch).expect("a patch is JSON"))
    };
    for _ in 0..CALLS / 2 {
        assert_eq!(decided(CHILD), (json!("unknown-cronjob"), String::new()));
        assert_eq!(decided(LONE), (json!("unknown-namespace"), CLAIM.to_owned()));
    }
    let count = |label: &str| curfew.metric_with("curfew_admission_requests_total", label);
    assert!(count(r#"decision="unknown-cronjob""#) >= f64::from(CALLS / 2));
    assert!(count(r#"decision="unknown-namespace""#) >= f64::from(CALLS / 2));
    // Far above what an answer takes on the slowest machine, and far below any time-out.
    let quick = "curfew_admission_request_duration_seconds_bucket";
    assert!(curfew.metric_with(quick, r#"le="0.25""#) >= f64::from(CALLS));
}

/// As `kubectl` makes it, with everything that is no label of ours.
fn make_cron_job(space: &Namespace<'_>, name: &str) {
    let manifest = cron_job(name, json!({})).to_string();
    space.kubectl.ok_with(&["create", "-f", "-"], &manifest);
}

/// `kubectl create job --from`, and what came of it.
#[track_caller]
fn run_from(space: &Namespace<'_>, cron_job: &str, name: &str) -> Value {
    space.kubectl.ok(&["create", "job", name, &format!("--from=cronjob/{cron_job}")]);
    space.job(name)
}

/// A Job as the `CronJob` would have made it before the webhook was there: without its TTL.
fn child_of(cron_job: &Value, name: &str) -> Value {
    job(
        name,
        json!({"metadata": {"ownerReferences": [{
            "apiVersion": "batch/v1", "kind": "CronJob", "controller": true,
            "name": cron_job["metadata"]["name"], "uid": cron_job["metadata"]["uid"],
        }]}}),
    )
}

fn label(space: &Namespace<'_>, labels: &Value) {
    let path = format!("/api/v1/namespaces/{}", space.name);
    space.plane.api.patch(Patch::Merge, &path, &json!({"metadata": {"labels": labels}})).ok();
}

/// The last word of the webhook for Jobs on a call.
fn decision_of(annotations: &Value) -> Option<String> {
    Some(annotations["jobs.curfew.dev/decision"].as_str()?.to_owned())
}

/// The administrator's kubeconfig, with another port.
fn kubeconfig_for(plane: &ControlPlane, port: u16) -> String {
    let text = std::fs::read_to_string(&plane.kubeconfig).expect("the kubeconfig is ours");
    let mut config: Value = serde_json::from_str(&text).expect("it is written as JSON");
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{port}"));
    config.to_string()
}

const CHILD: &str = include_str!("../fixtures/reviews/15-create-jobs-manual-run.json");
const LONE: &str = include_str!("../fixtures/reviews/01-create-jobs-plain.json");

const CALLS: u32 = 40;

/// A reload, a list and a machine with other work.
const SOON: Duration = Duration::from_secs(60);

const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: families}
spec:
  exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}
  rules:
    - {name: gold, match: {labels: {tier: gold}}, ttl: 2m}
    - {name: etl, match: {names: ['*-etl']}, ttl: 1m}
  defaults: {ttl: 10m}
";

const NAMESPACES: &str = r#"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: namespaces}
spec:
  exempt: {namespaceSelector: {matchLabels: {sandbox: "yes"}}}
  rules:
    - {name: team-a, match: {namespaceSelector: {matchLabels: {team: a}}}, ttl: 1m}
  defaults: {ttl: 10m}
"#;

const LABELS: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: labels}
spec:
  rules:
    - {name: labelled, match: {labels: {example.test/tier: silver}}, ttl: 4m}
  defaults: {ttl: 10m}
";

const ANNOTATIONS: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: annotations}
spec:
  rules:
    - {name: noted, match: {annotations: {example.test/tier: gold}}, ttl: 3m}
  defaults: {ttl: 10m}
";

/// The entry that makes a Job ours until its namespace is known, and nothing else.
const CLAIM: &str = concat!(
    r#"[{"op":"add","path":"/metadata/annotations","value":"#,
    r#"{"curfew.dev/applied":"{\"ttl\":[null,null,\"unknown-namespace\"]}"}}]"#,
);
