//! Points 10, 12 and 14 of the policy's precedence, as far as they need to know more than the
//! review says: the `CronJob` of a Job, and the labels of its namespace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use curfew::admission::neighbours::{KnownCronJob, KnownNamespace, Neighbours};
use curfew::admission::{Answer, Site, admit};
use curfew::batch::owner::OwnerReference;
use curfew::batch::{Kind, Map, Object};
use curfew::policy::{Policy, Source};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{patch, response};

/// A cluster with at most one `CronJob` and one namespace.
#[derive(Debug, Default)]
struct Around {
    cronjob: Option<Json>,
    labels: Option<Vec<(&'static str, &'static str)>>,
    asked_cronjob: AtomicUsize,
    asked_namespace: AtomicUsize,
}

struct Kept(Json);

struct Labels(Vec<(&'static str, &'static str)>);

// === impl Around ===

impl Around {
    fn with_cronjob(fields: &Json) -> Self {
        let mut cronjob = json!({
            "metadata": {"name": "daily-etl", "namespace": NAMESPACE, "uid": "c-1"},
            "spec": {
                "schedule": "0 2 * * *",
                "jobTemplate": {"spec": {"template": {"spec": {}}}},
            },
        });
        json_patch::merge(&mut cronjob, fields);
        Self { cronjob: Some(cronjob), ..Self::default() }
    }

    fn with_labels(labels: Option<Vec<(&'static str, &'static str)>>) -> Self {
        Self { labels, ..Self::default() }
    }

    /// How often each was looked up.
    fn asked(&self) -> (usize, usize) {
        let count = |asked: &AtomicUsize| asked.load(Ordering::Relaxed);
        (count(&self.asked_cronjob), count(&self.asked_namespace))
    }
}

impl Neighbours for Around {
    fn cronjob(
        &self,
        _: &Policy,
        namespace: &str,
        owner: &OwnerReference<'_>,
    ) -> Option<Arc<dyn KnownCronJob>> {
        self.asked_cronjob.fetch_add(1, Ordering::Relaxed);
        let cronjob = self.cronjob.as_ref()?;
        let metadata = &cronjob["metadata"];
        let meant = metadata["namespace"] == *namespace
            && metadata["name"] == *owner.name
            && metadata["uid"] == *owner.uid;
        meant.then(|| Arc::new(Kept(cronjob.clone())) as Arc<dyn KnownCronJob>)
    }

    fn namespace(&self, name: &str) -> Option<Arc<dyn KnownNamespace>> {
        self.asked_namespace.fetch_add(1, Ordering::Relaxed);
        let labels = self.labels.clone().filter(|_| name == NAMESPACE)?;
        Some(Arc::new(Labels(labels)))
    }
}

impl KnownCronJob for Kept {
    fn view(&self) -> Object<'_> {
        Object::from_json(Kind::CronJob, &self.0).unwrap()
    }
}

impl KnownNamespace for Labels {
    fn labels(&self) -> Map<'_> {
        self.0.iter().copied().collect()
    }
}

fn policy(spec: &str) -> Policy {
    let spec: String = spec.lines().flat_map(|line| ["  ", line, "\n"]).collect();
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n{spec}"
    );
    let source = Source { name: "test.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:#?}")).policy
}

/// A Job as the API server sends it.
fn job(fields: &Json) -> Json {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "run", "namespace": NAMESPACE},
        "spec": {"template": {"metadata": {}, "spec": {}}},
    });
    json_patch::merge(&mut job, fields);
    job
}

/// A Job of the family.
fn child(fields: &Json) -> Json {
    let mut child = job(&json!({"metadata": {"ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "daily-etl", "uid": "c-1"}
    ]}}));
    json_patch::merge(&mut child, fields);
    child
}

fn review(object: &Json, old: Option<&Json>) -> Json {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
            "namespace": NAMESPACE, "name": "run",
            "kind": {"group": "batch", "version": "v1", "kind": object["kind"]},
            "object": object, "oldObject": old,
        },
    })
}

/// The answer, and the object with its patch applied.
fn ask(policy: &Policy, around: &Arc<Around>, object: &Json, old: Option<&Json>) -> (Answer, Json) {
    let site =
        Site { neighbours: Some(Arc::<Around>::clone(around)), own_namespace: Some("c".into()) };
    let body = serde_json::to_vec(&review(object, old)).unwrap();
    let answer = admit(policy, &site, &body, "2026-11-21T18:00:00Z".parse().unwrap()).unwrap();
    let mut after = object.clone();
    if let Some(patch) = patch(&answer) {
        json_patch::patch(&mut after, &patch).unwrap();
    }
    (answer, after)
}

fn ttl(object: &Json) -> Option<i64> {
    object["spec"]["ttlSecondsAfterFinished"].as_i64()
}

/// The labels of the child, of the template and of the `CronJob` are laid over each other.
#[rstest]
#[case::name(json!({}), json!({}), "patched", Some(60))]
#[case::label(
    json!({"metadata": {"labels": {"tier": "gold"}}}), json!({}), "patched", Some(120)
)]
#[case::label_of_the_template(
    json!({"spec": {"jobTemplate": {"metadata": {"labels": {"tier": "gold"}}}}}),
    json!({}),
    "patched",
    Some(120)
)]
#[case::label_of_the_child_beats_them(
    json!({"metadata": {"labels": {"tier": "gold"}}}),
    json!({"metadata": {"labels": {"tier": "tin"}}}),
    "patched",
    Some(60)
)]
#[case::annotation(
    json!({"metadata": {"annotations": {"example.test/tier": "gold"}}}),
    json!({}),
    "patched",
    Some(180)
)]
#[case::exempt_by_label(
    json!({"metadata": {"labels": {"cleanup-policy": "keep"}}}), json!({}), "exempt", None
)]
#[case::exempt_after_it_was_born(
    json!({"metadata": {"labels": {"cleanup-policy": "keep"}}}),
    json!({
        "metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[60,null,"etl"]}"#}},
        "spec": {"ttlSecondsAfterFinished": 60},
    }),
    "exempt",
    None
)]
#[case::owned_by_an_operator(
    json!({"metadata": {"ownerReferences": [{"apiVersion": "ops.example/v1", "kind": "Backup",
        "name": "b", "uid": "b-1", "controller": true}]}}),
    json!({}),
    "guarded",
    None
)]
#[case::inherited_from_an_older_policy(
    json!({}),
    json!({
        "metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[900,null,"gone"]}"#}},
        "spec": {"ttlSecondsAfterFinished": 900},
    }),
    "patched",
    Some(60)
)]
#[case::of_its_author(
    json!({}), json!({"spec": {"ttlSecondsAfterFinished": 900}}), "unchanged", Some(900)
)]
fn a_child_of_a_known_cronjob_is_judged_with_its_family(
    #[case] cronjob: Json,
    #[case] fields: Json,
    #[case] decision: &str,
    #[case] expected: Option<i64>,
) {
    let around = Arc::new(Around::with_cronjob(&cronjob));
    let policy = policy(FAMILIES);
    let (answer, after) = ask(&policy, &around, &child(&fields), None);
    assert_eq!((answer.report.decision, ttl(&after)), (decision, expected));
    assert_eq!(around.asked(), (1, 0));
    let (again, _) = ask(&policy, &around, &after, None);
    assert_eq!(patch(&again), None, "our own output gives no patch");
}

/// Value and record stay as they were inherited, and nothing else is done either.
#[rstest]
#[case::bare(json!({}))]
#[case::with_a_value_of_ours(json!({
    "metadata": {"annotations": {"curfew.dev/applied": r#"{"ttl":[900,null,"etl"]}"#}},
    "spec": {"ttlSecondsAfterFinished": 900},
}))]
#[case::with_a_value_beyond_the_limit(json!({"spec": {"ttlSecondsAfterFinished": 999_999}}))]
#[case::held(json!({
    "metadata": {"annotations": {"curfew.dev/hold-until": "soon"}},
    "spec": {"ttlSecondsAfterFinished": 60},
}))]
#[case::exempt_by_its_own_label(json!({
    "metadata": {
        "labels": {"cleanup-policy": "keep"},
        "annotations": {"curfew.dev/applied": r#"{"ttl":[60,null,"etl"]}"#},
    },
    "spec": {"ttlSecondsAfterFinished": 60},
}))]
fn a_child_of_an_unknown_cronjob_stays_as_it_is(#[case] fields: Json) {
    let policy = policy(FAMILIES);
    let nobody = Around::default();
    let another = Around::with_cronjob(&json!({"metadata": {"uid": "c-2"}}));
    let elsewhere = Around::with_cronjob(&json!({"metadata": {"namespace": "other"}}));
    for around in [nobody, another, elsewhere].map(Arc::new) {
        let (answer, _) = ask(&policy, &around, &child(&fields), None);
        assert_eq!(answer.report.decision, "unknown-cronjob");
        assert_eq!(patch(&answer), None);
        assert_eq!(response(&answer).get("warnings"), None);
        assert_eq!(response(&answer)["auditAnnotations"]["decision"], "unknown-cronjob");
    }
}

/// An update that loses the record of an unknown family's Job gets it back, as the value is ours.
#[test]
fn a_child_of_an_unknown_cronjob_keeps_its_record_through_an_update() {
    let record = json!({"curfew.dev/applied": r#"{"ttl":[900,null,"etl"]}"#});
    let bare = json!({"spec": {"ttlSecondsAfterFinished": 900}});
    let mut old = child(&bare);
    json_patch::merge(&mut old, &json!({"metadata": {"annotations": record}}));
    let around = Arc::new(Around::default());
    let (answer, after) = ask(&policy(FAMILIES), &around, &child(&bare), Some(&old));
    assert_eq!(answer.report.decision, "unknown-cronjob");
    assert_eq!((ttl(&after), &after["metadata"]["annotations"]), (Some(900), &record));
}

#[rstest]
#[case::until_a_date("2026-12-01T00:00:00Z", 1)]
#[case::until_no_date("soon", 2)]
fn a_hold_on_a_child_of_a_known_cronjob_warns_of_its_history(
    #[case] until: &str,
    #[case] warnings: usize,
) {
    let around = Arc::new(Around::with_cronjob(&json!({})));
    let held = child(&json!({"metadata": {"annotations": {"curfew.dev/hold-until": until}}}));
    let (answer, after) = ask(&policy(FAMILIES), &around, &held, None);
    let told = response(&answer)["warnings"].clone();
    assert_eq!(told.as_array().map_or(0, Vec::len), warnings, "{told}");
    assert!(told.to_string().contains("CronJob's history limits"), "{told}");
    // It runs, so it is raised to all that a hold may be, whatever its date.
    assert_eq!(ttl(&after), Some(7 * 86_400));
}

/// An exempt family keeps its Jobs by itself; the hold still goes past the exemption.
#[test]
fn a_hold_goes_past_the_exemption_of_the_family() {
    let keep = json!({"metadata": {"labels": {"cleanup-policy": "keep"}}});
    let around = Arc::new(Around::with_cronjob(&keep));
    let held = child(&json!({
        "metadata": {"annotations": {"curfew.dev/hold-until": "2026-12-01T00:00:00Z"}},
        "spec": {"ttlSecondsAfterFinished": 60},
    }));
    let (answer, after) = ask(&policy(FAMILIES), &around, &held, None);
    assert_eq!((answer.report.decision, ttl(&after)), ("exempt", Some(7 * 86_400)));
}

#[rstest]
#[case::hit(Some(vec![("team", "a")]), "patched", Some(60))]
#[case::miss(Some(vec![("team", "b")]), "patched", Some(600))]
#[case::none_at_all(Some(vec![]), "patched", Some(600))]
#[case::exempt(Some(vec![("team", "a"), ("sandbox", "yes")]), "exempt", None)]
#[case::unknown(None, "unknown-namespace", None)]
fn a_namespace_selector_reads_the_labels_of_the_namespace(
    #[case] labels: Option<Vec<(&'static str, &'static str)>>,
    #[case] decision: &str,
    #[case] expected: Option<i64>,
) {
    let around = Arc::new(Around::with_labels(labels));
    let (answer, after) = ask(&policy(NAMESPACES), &around, &job(&json!({})), None);
    assert_eq!((answer.report.decision, ttl(&after)), (decision, expected));
    assert_eq!(around.asked(), (0, 1));
}

/// A value of ours is not taken back either: nobody knows whether it still holds.
#[test]
fn in_an_unknown_namespace_nothing_is_taken_back() {
    let record = r#"{"ttl":[60,null,"team-a"]}"#;
    let ours = job(&json!({
        "metadata": {"annotations": {"curfew.dev/applied": record}},
        "spec": {"ttlSecondsAfterFinished": 60},
    }));
    let mut touched = ours.clone();
    json_patch::merge(&mut touched, &json!({"metadata": {"labels": {"a": "b"}}}));
    let around = Arc::new(Around::with_labels(None));
    let (answer, _) = ask(&policy(NAMESPACES), &around, &touched, Some(&ours));
    assert_eq!(answer.report.decision, "unknown-namespace");
    assert_eq!((patch(&answer), response(&answer).get("warnings")), (None, None));
}

/// In a dry run it is told, and not written.
#[rstest]
#[case::enforced("", "unknown-namespace", json!({"curfew.dev/applied": CLAIM}))]
#[case::dry_run("mode: DryRun\n", "unknown-namespace", Json::Null)]
#[case::off("mode: Off\n", "off", Json::Null)]
fn a_job_of_an_unknown_namespace_becomes_ours(
    #[case] mode: &str,
    #[case] decision: &str,
    #[case] annotations: Json,
) {
    let around = Arc::new(Around::with_labels(None));
    let policy = policy(&format!("{mode}{NAMESPACES}"));
    let (answer, after) = ask(&policy, &around, &job(&json!({})), None);
    assert_eq!(answer.report.decision, decision);
    assert_eq!(after["metadata"]["annotations"], annotations);
    assert_eq!((ttl(&after), answer.report.rules.len()), (None, 0));
}

const CLAIM: &str = r#"{"ttl":[null,null,"unknown-namespace"]}"#;

#[test]
fn an_earlier_rule_makes_an_unknown_namespace_irrelevant() {
    let policy = policy(
        "rules:\n- {name: first, match: {names: [run]}, ttl: 5m}\n\
         - {name: team, match: {namespaceSelector: {matchLabels: {team: a}}}, ttl: 1m}\n",
    );
    let around = Arc::new(Around::with_labels(None));
    let (answer, after) = ask(&policy, &around, &job(&json!({})), None);
    assert_eq!((answer.report.decision, ttl(&after)), ("patched", Some(300)));
}

/// The hot path: a lone Job, a `CronJob`, a child of something else, under a policy that matches by
/// names of namespaces. Nothing is looked up for them.
#[rstest]
#[case::lone_job(job(&json!({})))]
#[case::child_of_something_else(job(&json!({"metadata": {"ownerReferences": [
    {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "s", "uid": "s-1"}
]}})))]
#[case::cronjob(json!({
    "apiVersion": "batch/v1", "kind": "CronJob",
    "metadata": {"name": "daily-etl", "namespace": NAMESPACE},
    "spec": {"schedule": "0 2 * * *", "jobTemplate": {"spec": {"template": {"spec": {}}}}},
}))]
fn nothing_is_looked_up_where_nothing_depends_on_it(#[case] object: Json) {
    let around = Arc::new(Around::with_cronjob(&json!({})));
    let (answer, _) = ask(&policy(FAMILIES), &around, &object, None);
    assert_eq!(around.asked(), (0, 0));
    assert_ne!(answer.report.decision, "unknown-cronjob");
}

const NAMESPACE: &str = "apps";

const FAMILIES: &str = r"
exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}
limits: {ttl: {max: 1d}}
rules:
- {name: gold, match: {labels: {tier: gold}}, ttl: 2m}
- {name: noted, match: {annotations: {example.test/tier: gold}}, ttl: 3m}
- {name: etl, match: {names: ['*-etl']}, ttl: 1m}
";

const NAMESPACES: &str = r#"
exempt: {namespaceSelector: {matchLabels: {sandbox: "yes"}}}
rules:
- {name: team-a, match: {namespaceSelector: {matchLabels: {team: a}}}, ttl: 1m}
defaults: {ttl: 10m}
"#;
