//! Whatever is left out of an object changes no decision, of any object under any policy; and no
//! author can make what is kept large.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map as JsonMap, Value, json};

use super::{CronJob, Job, Keep, Kind, Object, Slim, cronjob, decided, decoder, job, policy};
use crate::cluster::slim::{Decoder, Namespace};

const LABELS: [&str; 8] = [
    "team",
    "tier",
    "job-name",
    "batch.kubernetes.io/job-name",
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/instance",
    "tool.test/mine",
    "curfew.dev/x",
];

const ANNOTATIONS: [&str; 8] = [
    "note",
    "helm.sh/hook",
    "meta.helm.sh/release-name",
    "tool.test/mine",
    "kubectl.kubernetes.io/last-applied-configuration",
    "curfew.dev/applied",
    "curfew.dev/hold-until",
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
];

const VALUES: [&str; 14] = [
    "",
    "a",
    "b",
    "aäää",
    "aääää",
    "post-install",
    "2026-12-01T00:00:00Z",
    r#"{"ttl":[480,null,"r0"]}"#,
    r#"{"ttl":[480,77,"r0"],"history.successful":[2,3,"defaults"]}"#,
    r#"{"spec":{"ttlSecondsAfterFinished":480,"successfulJobsHistoryLimit":2}}"#,
    r#"{"spec":{"successfulJobsHistoryLimit":"2","ttlSecondsAfterFinished":480}}"#,
    r#"{"spec":{"failedJobsHistoryLimit":1,"jobTemplate":{"spec":{"ttlSecondsAfterFinished":480}}}}"#,
    r#"{"spec":{"jobTemplate":{"metadata":{}},"schedule":"* * * * *"}}"#,
    "{",
];

fn pairs(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        6 => prop::collection::btree_map(select(keys), select(&VALUES[..]), 0..5).prop_map(|map| {
            map.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect::<JsonMap<_, _>>().into()
        }),
    ]
}

fn owners() -> impl Strategy<Value = Value> {
    let owner = (
        select(vec!["batch/v1", "v1", "apps/v1", "jobset.x-k8s.io/v1", "argoproj.io/v1/x"]),
        select(vec!["CronJob", "JobSet", "Pod", "Workflow"]),
        select(vec!["report", "other"]),
        any::<bool>(),
    );
    let owner = owner.prop_map(|(version, kind, name, controller)| {
        json!({"apiVersion": version, "kind": kind, "name": name, "controller": controller,
            "uid": "2b4e28ba-2fa1-11d2-883f-0016d3cca427"})
    });
    prop::collection::vec(owner, 0..5).prop_map(Value::from)
}

fn managers() -> impl Strategy<Value = Value> {
    let entry = (
        select(vec!["kubectl", "helm", "helm-7", "curfew", "mine", "mine-2", "kubectl-create"]),
        any::<bool>(),
        select(vec![
            json!({}),
            json!({"f:spec": {"f:ttlSecondsAfterFinished": {}}}),
            json!({"f:spec": {"f:successfulJobsHistoryLimit": {}, "f:template": {}}}),
            json!({"f:spec": {"f:failedJobsHistoryLimit": {}}}),
            json!({"f:spec": {"f:jobTemplate": {"f:spec": {"f:ttlSecondsAfterFinished": {}}}}}),
            json!({"f:metadata": {"f:labels": {}}}),
        ]),
    );
    let entry = entry.prop_map(|(manager, applies, fields)| {
        let operation = if applies { "Apply" } else { "Update" };
        json!({"manager": manager, "operation": operation, "fieldsV1": fields})
    });
    prop::collection::vec(entry, 0..5).prop_map(Value::from)
}

fn metadata() -> impl Strategy<Value = Value> {
    (pairs(&LABELS), pairs(&ANNOTATIONS), owners(), managers()).prop_map(
        |(labels, annotations, owners, managers)| {
            json!({"labels": labels, "annotations": annotations, "ownerReferences": owners,
                "managedFields": managers})
        },
    )
}

fn any_job() -> impl Strategy<Value = Value> {
    let ttl = select(vec![json!(null), json!(0), json!(480), json!(77)]);
    let end = select(vec![json!(null), json!("Complete"), json!("Failed")]);
    (metadata(), ttl, end, any::<bool>()).prop_map(|(metadata, ttl, end, family)| {
        let mut object =
            job(&json!({"metadata": metadata, "spec": {"ttlSecondsAfterFinished": ttl}}));
        if let Some(end) = end.as_str() {
            object["status"]["conditions"] = json!([
                {"type": end, "status": "True", "lastTransitionTime": "2026-11-02T00:00:00Z"}]);
        }
        if family {
            object["metadata"]["ownerReferences"].as_array_mut().unwrap().push(json!({
                "apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "controller": true,
                "uid": "2b4e28ba-2fa1-11d2-883f-0016d3cca427"}));
        }
        object
    })
}

fn any_cronjob() -> impl Strategy<Value = Value> {
    let ttl = select(vec![json!(null), json!(480), json!(77)]);
    let limit = select(vec![json!(null), json!(2), json!(3)]);
    let template = (pairs(&LABELS), pairs(&ANNOTATIONS), pairs(&LABELS));
    (metadata(), template, ttl, limit).prop_map(
        |(metadata, (labels, annotations, pod), ttl, limit)| {
            cronjob(&json!({"metadata": metadata, "spec": {
                "successfulJobsHistoryLimit": limit,
                "jobTemplate": {
                    "metadata": {"labels": labels, "annotations": annotations},
                    "spec": {"ttlSecondsAfterFinished": ttl, "template": {"metadata": {"labels": pod}}},
                },
            }}))
        },
    )
}

fn any_policy() -> impl Strategy<Value = String> {
    let matched = select(vec![
        "labels: {team: a}",
        "labels: {job-name: [a, b]}",
        "labels: {curfew.dev/x: a}",
        "annotations: {note: [a, aäää]}",
        "annotations: {helm.sh/hook: post-install}",
        "selector: {matchLabels: {tier: a}}",
        "selector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}",
        "selector: {matchExpressions: [{key: team, operator: NotIn, values: [b]}]}",
        "selector: {matchExpressions: [{key: batch.kubernetes.io/job-name, operator: Exists}]}",
        "kinds: [CronJob]",
        "names: [report]",
    ]);
    let says = select(vec![
        "ttl: 8m",
        "ttl: {onSuccess: 7m, onFailure: 3d}",
        "ttl: 8m, enforce: true",
        "ttl: unset",
        "history: {successful: 2, failed: 1}, enforce: true",
        "ttl: 9m, guards: {gitOpsTracked: Floor}",
        "ttl: 9m, guards: {ownedByOther: Apply, deployHooks: Apply}, enforce: true",
    ]);
    let rules = prop::collection::vec((matched, says), 0..4).prop_map(|rules| {
        let rules = rules.iter().enumerate();
        let rules = rules.map(|(at, (matched, says))| {
            format!("    - {{name: r{at}, match: {{{matched}}}, {says}}}\n")
        });
        rules.collect::<String>()
    });
    let exempt = select(vec![
        "",
        "  exempt: {selectors: [{matchLabels: {tier: b}}]}\n",
        "  exempt: {selectors: [{matchExpressions: [{key: team, operator: Exists}]}]}\n",
    ]);
    let guards = select(vec![
        "",
        "  guards: {allowOwners: [jobset.x-k8s.io/JobSet]}\n",
        "  guards: {allowOwners: [core/Pod, apps/Workflow], gitOpsMarks: {managers: [mine]}}\n",
        "  guards: {gitOpsMarks: {labels: [tool.test/mine], annotations: [tool.test/mine]}}\n",
        "  guards: {gitOpsTracked: Apply, ownedByOther: Floor, deployHooks: Floor, floor: 10m}\n",
    ]);
    let defaults = select(vec![
        "",
        "  defaults: {ttl: 1h, history: {successful: 2, failed: 2}}\n",
        "  limits: {ttl: {max: 2h}, history: {max: 2}, hold: 14d}\n",
    ]);
    (exempt, guards, defaults, rules).prop_map(|(exempt, guards, defaults, rules)| {
        let rules = if rules.is_empty() { rules } else { format!("  rules:\n{rules}") };
        format!("  mode: Enforce\n{exempt}{guards}{defaults}{rules}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_out_changes_no_decision(
        spec in any_policy(),
        whole_job in any_job(),
        whole_cronjob in any_cronjob(),
    ) {
        let policy = policy(&spec);
        let mut decoder = decoder(&policy);
        let kept_job = Job::decode(&whole_job.to_string(), &mut decoder).unwrap();
        let kept_cronjob = CronJob::decode(&whole_cronjob.to_string(), &mut decoder).unwrap();
        let (kept_job, kept_cronjob) = (kept_job.view(), kept_cronjob.view());
        let job = Object::from_json(Kind::Job, &whole_job).unwrap();
        let cronjob = Object::from_json(Kind::CronJob, &whole_cronjob).unwrap();
        prop_assert_eq!(decided(&policy, &kept_job, None), decided(&policy, &job, None));
        prop_assert_eq!(
            decided(&policy, &kept_cronjob, None), decided(&policy, &cronjob, None));
        prop_assert_eq!(
            decided(&policy, &kept_job, Some(&kept_cronjob)),
            decided(&policy, &job, Some(&cronjob)));
        let owner = |object: &Object<'_>| object.cronjob_owner().map(|owner| (owner.name.to_string(), owner.uid.to_string(), owner.controller));
        prop_assert_eq!(owner(&kept_job), owner(&job));
    }

    /// What was kept for one policy is used for another only where that is the same.
    #[test]
    fn what_covers_a_policy_decides_by_it(
        first in any_policy(),
        second in any_policy(),
        whole in any_job(),
    ) {
        let (first, second) = (policy(&first), policy(&second));
        let kept = Job::decode(&whole.to_string(), &mut decoder(&first)).unwrap();
        if Keep::of(&first).covers(&Keep::of(&second)) {
            let whole = Object::from_json(Kind::Job, &whole).unwrap();
            prop_assert_eq!(decided(&second, &kept.view(), None), decided(&second, &whole, None));
        }
    }
}

/// Each shape that an author can make as large as an object may be.
#[rstest::rstest]
#[case::labels(|n| json!({"labels": many(n, "l")}))]
#[case::annotations(|n| json!({"annotations": many(n / 4, "a")}))]
#[case::annotations_like_ours(|n| json!({"annotations": many(n / 4, "curfew.dev/a")}))]
#[case::long_annotations(|n| json!({"annotations": {
    "curfew.dev/applied": "x".repeat(n), "curfew.dev/hold-until": "x".repeat(n),
    "helm.sh/hook": "x".repeat(n), "meta.helm.sh/release-name": "x".repeat(n),
    "batch.kubernetes.io/cronjob-scheduled-timestamp": "x".repeat(n), "note": "x".repeat(n),
    "kubectl.kubernetes.io/last-applied-configuration":
        format!(r#"{{"spec":{{"ttlSecondsAfterFinished":"{}"}}}}"#, "x".repeat(n))}}))]
#[case::owners(|n| json!({"ownerReferences": (0..n / 8).map(|i| json!({
    "apiVersion": "batch/v1", "kind": "CronJob", "name": i.to_string(), "uid": i.to_string()})).collect::<Vec<_>>()}))]
#[case::foreign_owners(|n| json!({"ownerReferences": (0..n / 8).map(|i| json!({
    "apiVersion": format!("g{i}/v1"), "kind": "K", "name": i.to_string(), "uid": i.to_string()})).collect::<Vec<_>>()}))]
#[case::a_long_owner(|n| json!({"ownerReferences": [{
    "apiVersion": format!("{0}/{0}", "x".repeat(n)), "kind": "x".repeat(n), "name": "x".repeat(n),
    "uid": "x".repeat(n)}]}))]
#[case::managers(|n| json!({"managedFields": (0..n / 8).map(|i| json!({"manager": format!("helm-{i}"),
    "operation": "Apply", "fieldsV1": {"f:spec": {"f:ttlSecondsAfterFinished": {}}}})).collect::<Vec<_>>()}))]
#[case::finalizers(|n| json!({"deletionTimestamp": "2026-11-03T00:00:00Z",
    "finalizers": (0..n).map(|i| format!("a.test/{i}")).collect::<Vec<_>>()}))]
fn no_author_makes_what_is_kept_large(#[case] metadata: fn(usize) -> Value) {
    let spec = "  scheduler: {mode: Own, clusterTimeZone: UTC}\n  rules: \
         [{name: r, match: {annotations: {note: a}, labels: {team: a}}, ttl: 1h}]\n";
    let policy = policy(spec);
    let metadata = metadata(60_000);
    let template = json!({"labels": metadata["labels"], "annotations": metadata["annotations"]});
    let job = job(&json!({"metadata": metadata}));
    let cronjob = cronjob(&json!({
        "metadata": metadata,
        "spec": {
            "schedule": format!("0 0 * * {}", "0,".repeat(60_000)),
            "jobTemplate": {"metadata": template, "spec": {"template": {
                "metadata": template, "spec": {"containers": [{"args": ["x".repeat(60_000)]}]},
            }}},
        },
    }));
    let mut decoder = decoder(&policy);
    let before = decoder.interner.known.len();
    let job = Job::decode(&job.to_string(), &mut decoder).unwrap();
    let cronjob = CronJob::decode(&cronjob.to_string(), &mut decoder).unwrap();
    decoder.prune();
    assert!(decoder.interner.known.len() - before < 60, "{}", decoder.interner.known.len());
    // All that is kept, as text: more than the bytes of it.
    let (job, cronjob) = (format!("{job:?}"), format!("{cronjob:?}"));
    assert!(job.len() < 10_000, "{} bytes", job.len());
    assert!(cronjob.len() < 20_000, "{} bytes", cronjob.len());
}

fn many(count: usize, prefix: &str) -> Value {
    let entries = (0..count).map(|number| (format!("{prefix}{number}"), json!("v")));
    Value::Object(entries.collect())
}

#[test]
fn a_namespace_with_thousands_of_labels_is_not_known() {
    let decode = |count| {
        let json = json!({"metadata": {"name": "a", "labels": many(count, "l")}});
        Namespace::decode(&json.to_string(), &mut Decoder::default())
    };
    assert_eq!(decode(1000).unwrap().labels.iter().count(), 1000);
    assert_eq!(decode(1001).unwrap_err(), "it has more than 1000 labels");
}
