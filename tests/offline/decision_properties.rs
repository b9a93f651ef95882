//! Promises that hold for any object and any policy: the answer is repeatable, does not depend on
//! what an earlier policy wrote, applies to what was sent, and touches nothing but its whitelist.

use std::fmt::Write as _;

use curfew::admission::patch;
use curfew::batch::{Kind, Object};
use curfew::policy::decide::{Input, Operation};
use curfew::policy::matching::Matched;
use curfew::policy::{Policy, Source};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn policy(rules: &[String], top: &str) -> Policy {
    let mut text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: any}}\nspec:\n{top}"
    );
    if !rules.is_empty() {
        text += "  rules:\n";
    }
    for (position, rule) in rules.iter().enumerate() {
        writeln!(text, "    - {{name: r{position}, {rule}}}").unwrap();
    }
    let source = Source { name: "any.yaml".to_owned(), text: text.clone() };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")).policy
}

fn rule() -> impl Strategy<Value = String> {
    let matched = prop::sample::select(vec![
        "namespaces: [apps]",
        "namespaces: [\"ap*\"]",
        "labels: {environment: dev}",
        "labels: {environment: [dev, prod]}",
        "kinds: [CronJob]",
        "kinds: [Job]",
        "names: [\"x*\"]",
        "names: [y, x]",
        "namespaces: [\"*\", apps]",
        "namespaces: [\"a*\", \"ap*\"], names: [\"?\"]",
        "selector: {matchLabels: {environment: dev}}",
        "annotations: {note: a}",
        "selector: {matchExpressions: [{key: environment, operator: NotIn, values: [prod]}]}",
    ]);
    let says = prop::sample::select(vec![
        "ttl: 5m",
        "ttl: 0s",
        "ttl: unset",
        "ttl: {onSuccess: 1h, onFailure: 3d}",
        "ttl: {onSuccess: 1h, onFailure: unset}",
        "ttl: 15m, enforce: true",
        "ttl: {onSuccess: 1h, onFailure: 3d}, enforce: true",
        "history: {successful: 5}",
        "history: {successful: 3, failed: 1}",
        "history: {successful: 0, failed: 9}, enforce: true",
        "limits: {ttl: {min: 60s}}",
        "limits: {ttl: {max: 1h}}",
        "limits: {history: {max: 2}}",
        "limits: {hold: 1d}",
        "deadlines: {active: 1h, starting: 5m}",
        "timeZone: Asia/Seoul",
        "guards: {deployHooks: Floor}",
        "guards: {gitOpsTracked: Apply, ownedByOther: Apply}",
    ]);
    (matched, says).prop_map(|(matched, says)| format!("match: {{{matched}}}, {says}"))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let top = prop::sample::select(vec![
        "  mode: Enforce\n",
        "  defaults: {ttl: {onSuccess: 1h, onFailure: 1d}, history: {successful: 3, failed: 1}}\n",
        "  defaults: {ttl: 1h, history: {successful: 7}}\n  limits: {ttl: {min: 60s, max: 7d}, history: {max: 10}}\n",
        "  exempt: {selectors: [{matchLabels: {keep: \"yes\"}}]}\n  defaults: {ttl: 2h}\n",
        "  guards: {floor: 20m, deployHooks: Floor, gitOpsTracked: Floor}\n  defaults: {ttl: 1m}\n",
    ]);
    (prop::collection::vec(rule(), 0..6), top).prop_map(|(rules, top)| policy(&rules, top))
}

fn maybe<T: std::fmt::Debug + Clone>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop::option::of(strategy)
}

fn labels() -> impl Strategy<Value = Json> {
    let entries = [
        ("environment", "dev"),
        ("environment", "prod"),
        ("keep", "yes"),
        ("argocd.argoproj.io/instance", "shop"),
    ];
    maybe(prop::sample::subsequence(entries.to_vec(), 0..=2)).prop_map(|chosen| match chosen {
        None => Json::Null,
        Some(chosen) => chosen.into_iter().map(|(k, v)| (k.to_owned(), json!(v))).collect(),
    })
}

fn record() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#"{"ttl":[300,null,"r0"]}"#,
        r#"{"ttl":[300,86400,"r0"]}"#,
        r#"{"ttl":[null,null,"author"]}"#,
        r#"{"ttl":[null,null,"r1"]}"#,
        r#"{"history.successful":[5,null,"r0"],"history.failed":[1,1,"author"]}"#,
        r#"{"history.successful":[3,3,"author"]}"#,
        r#"{"timeZone":["Asia/Seoul",null,"r0"],"deadlines.active":[3600,null,"r0"]}"#,
        "nonsense",
        r#"{"ttl":[300,-7,"r0"]}"#,
    ])
    .prop_map(str::to_owned)
}

fn ttl() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        Json::Null,
        json!(0),
        json!(10),
        json!(300),
        json!(900),
        json!(3600),
        json!(86_400),
        json!(2_592_000),
        json!(-3),
    ])
}

/// What an author sends, after the API server's defaulting; `forged` allows records of ours, and what
/// kubectl remembers to be another manifest than the one that was sent.
fn object(forged: bool) -> impl Strategy<Value = Json> {
    let annotations = (
        maybe(prop::sample::select(vec!["a", "b"])),
        prop::bool::weighted(0.15),
        maybe(prop::sample::select(vec!["2026-11-25T00:00:00Z", "never"])),
        maybe(record()),
        any::<bool>(),
    )
        .prop_map(move |(note, hook, hold, record, present)| {
            let mut map = serde_json::Map::new();
            note.map(|note| map.insert("note".into(), json!(note)));
            hook.then(|| map.insert("helm.sh/hook".into(), json!("test")));
            hold.map(|hold| map.insert("curfew.dev/hold-until".into(), json!(hold)));
            if let Some(record) = record.filter(|_| forged) {
                map.insert("curfew.dev/applied".into(), json!(record));
            }
            if map.is_empty() && !present { Json::Null } else { map.into() }
        });
    let limit = || prop::sample::select(vec![0_i64, 1, 2, 3, 5, 50]);
    let remembered = (ttl(), limit(), limit());
    (
        any::<bool>(),
        (labels(), annotations, maybe(remembered)),
        (labels(), maybe(record())),
        (ttl(), limit(), limit()),
        (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
    )
        .prop_map(
            move |(cron, (labels, annotations, apart), inner, (ttl, good, bad), shape)| {
                let (bare, client_applied, server_applied) = shape;
                let metadata = json!({
                    "name": "x", "namespace": "apps", "labels": labels, "annotations": annotations,
                });
                let (inner_labels, inner_record) = inner;
                let template = if bare {
                    Json::Null
                } else {
                    let record = inner_record.filter(|_| forged);
                    let annotations =
                        record.map_or(Json::Null, |r| json!({"curfew.dev/applied": r}));
                    json!({"labels": inner_labels, "annotations": annotations})
                };
                let spec = json!({
                    "ttlSecondsAfterFinished": ttl, "template": {"metadata": {}, "spec": {}},
                });
                let mut object = if cron {
                    json!({"kind": "CronJob", "metadata": metadata, "spec": {
                        "schedule": "0 2 * * *",
                        "successfulJobsHistoryLimit": good, "failedJobsHistoryLimit": bad,
                        "jobTemplate": {"metadata": template, "spec": spec},
                    }})
                } else {
                    json!({"kind": "Job", "metadata": metadata, "spec": spec})
                };
                drop_nulls(&mut object);
                // What kubectl apply and a server-side applier leave behind: they prove what was sent.
                if client_applied {
                    let mut sent = json!({"spec": object["spec"]});
                    if let Some((ttl, good, bad)) = apart.clone().filter(|_| forged) {
                        let spec = if cron {
                            json!({
                                "successfulJobsHistoryLimit": good, "failedJobsHistoryLimit": bad,
                                "jobTemplate": {"spec": {"ttlSecondsAfterFinished": ttl}},
                            })
                        } else {
                            json!({"ttlSecondsAfterFinished": ttl})
                        };
                        json_patch::merge(&mut sent, &json!({"spec": spec}));
                    }
                    let sent = sent.to_string();
                    let key = "kubectl.kubernetes.io/last-applied-configuration";
                    json_patch::merge(
                        &mut object,
                        &json!({"metadata": {"annotations": {key: sent}}}),
                    );
                }
                if server_applied {
                    let owned = |json: &Json| -> Json {
                        let fields = json.as_object().into_iter().flat_map(|map| map.keys());
                        fields.map(|field| (format!("f:{field}"), json!({}))).collect()
                    };
                    let mut fields = owned(&object["spec"]);
                    // An update that is no apply may come with what was owned before.
                    if apart.is_some() && forged {
                        fields["f:ttlSecondsAfterFinished"] = json!({});
                    }
                    let template = owned(&object["spec"]["jobTemplate"]["spec"]);
                    if cron {
                        fields["f:jobTemplate"] = json!({"f:spec": template});
                    }
                    object["metadata"]["managedFields"] = json!([
                    {"manager": "me", "operation": "Apply", "fieldsV1": {"f:spec": fields}}]);
                }
                object
            },
        )
}

/// The API server sends no nulls.
fn drop_nulls(json: &mut Json) {
    if let Json::Object(map) = json {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(drop_nulls);
    }
}

/// Decides, checks the promises about one answer, and gives the object as it would be stored.
fn apply(policy: &Policy, operation: Operation, sent: &Json, old: Option<&Json>) -> Json {
    let kind = Kind::parse(sent["kind"].as_str().unwrap()).unwrap();
    let object = Object::from_json(kind, sent).unwrap();
    let old = old.map(|old| Object::from_json(kind, old).unwrap());
    let decision = policy.decide(&input(operation, &object, old.as_ref()));
    // The index offers what a walk over all rules finds.
    if decision.resolved.mode.is_some() {
        let input = input(operation, &object, old.as_ref());
        let walked = policy
            .trace(&input)
            .into_iter()
            .find(|trace| trace.matched == Matched::Hit && trace.rule.settings.ttl.is_some());
        let indexed = decision.resolved.ttl.and_then(|supplied| supplied.by.rule());
        assert_eq!(walked.map(|trace| &trace.rule.name), indexed.map(|rule| &rule.name));
    }
    let operations = patch::operations(&decision, &object);
    let mut after = sent.clone();
    json_patch::patch(&mut after, &operations).expect("the patch applies to what was sent");
    for operation in &operations.0 {
        let path = operation.path().to_string();
        assert!(ALLOWED.contains(&path.as_str()), "{path} is not ours to touch");
    }
    for warning in &decision.warnings {
        assert!(warning.is_ascii() && warning.len() <= 120, "{warning}");
    }
    redefault(&mut after);
    after
}

fn input<'a>(
    operation: Operation,
    object: &'a Object<'a>,
    old: Option<&'a Object<'a>>,
) -> Input<'a> {
    Input {
        operation,
        object,
        old,
        cronjob: None,
        namespace: "apps",
        namespace_labels: None,
        own_namespace: None,
        now: "2026-11-21T00:00:00Z".parse().unwrap(),
    }
}

/// The API server fills the limits again after a patch.
fn redefault(object: &mut Json) {
    if object["kind"] == "CronJob" {
        for (field, value) in [("successfulJobsHistoryLimit", 3), ("failedJobsHistoryLimit", 1)] {
            let spec = object["spec"].as_object_mut().unwrap();
            spec.entry(field).or_insert(json!(value));
        }
    }
}

/// Everything but our records, and maps that are there only for them.
fn without_records(mut object: Json) -> Json {
    fn strip(json: &mut Json) {
        if let Json::Object(map) = json {
            if let Some(Json::Object(annotations)) = map.get_mut("annotations") {
                annotations.remove("curfew.dev/applied");
            }
            map.values_mut().for_each(strip);
            map.retain(|key, value| {
                !(matches!(key.as_str(), "annotations" | "metadata")
                    && value.as_object().is_some_and(serde_json::Map::is_empty))
            });
        }
    }
    strip(&mut object);
    object
}

const ALLOWED: [&str; 13] = [
    "/spec/ttlSecondsAfterFinished",
    "/spec/activeDeadlineSeconds",
    "/spec/jobTemplate/spec/ttlSecondsAfterFinished",
    "/spec/jobTemplate/spec/activeDeadlineSeconds",
    "/spec/successfulJobsHistoryLimit",
    "/spec/failedJobsHistoryLimit",
    "/spec/startingDeadlineSeconds",
    "/spec/timeZone",
    "/metadata/annotations",
    "/metadata/annotations/curfew.dev~1applied",
    "/spec/jobTemplate/metadata",
    "/spec/jobTemplate/metadata/annotations",
    "/spec/jobTemplate/metadata/annotations/curfew.dev~1applied",
];

fn touch(object: &Json) -> Json {
    let mut touched = object.clone();
    json_patch::merge(&mut touched, &json!({"metadata": {"labels": {"touched": "yes"}}}));
    touched
}

fn finish(object: &Json) -> Json {
    let mut finished = object.clone();
    finished["status"] = json!({"conditions": [
        {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-20T00:00:00Z"}]});
    finished
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// Our own output gives no patch, whatever was sent and however often.
    #[test]
    fn the_answer_is_repeatable(policy in any_policy(), sent in object(true)) {
        let once = apply(&policy, Operation::Create, &sent, None);
        let mut again = once.clone();
        for _ in 0..3 {
            again = apply(&policy, Operation::Create, &again, None);
        }
        prop_assert_eq!(&once, &again);
        // Nor does it as an update of what is stored now.
        let touched = apply(&policy, Operation::Update, &touch(&once), Some(&once));
        prop_assert_eq!(&touched, &apply(&policy, Operation::Update, &touched, Some(&once)));
    }

    /// What an earlier policy wrote leaves no trace under the next one.
    #[test]
    fn an_earlier_policy_leaves_no_trace(
        first in any_policy(), second in any_policy(), sent in object(false), repeats in 1..4,
    ) {
        let mut stored = sent.clone();
        for _ in 0..repeats {
            stored = apply(&first, Operation::Create, &stored, None);
        }
        let after = apply(&second, Operation::Create, &stored, None);
        let fresh = apply(&second, Operation::Create, &sent, None);
        prop_assert_eq!(without_records(after), without_records(fresh));
    }

    /// Turned off, the author's object is back.
    #[test]
    fn without_rules_the_author_has_all_back(policy in any_policy(), sent in object(false)) {
        let empty = self::policy(&[], "  limits: {hold: 0s}\n");
        let stored = apply(&policy, Operation::Create, &sent, None);
        let back = apply(&empty, Operation::Create, &stored, None);
        prop_assert_eq!(without_records(back), without_records(sent));
    }

    /// An update decides as a creation does; only what is filled at creation is left out.
    #[test]
    fn an_update_decides_like_a_creation(
        first in any_policy(), second in any_policy(), sent in object(false),
    ) {
        let stored = apply(&first, Operation::Create, &sent, None);
        let updated = apply(&second, Operation::Update, &touch(&stored), Some(&stored));
        let fresh = apply(&second, Operation::Create, &touch(&sent), None);
        for path in ["/spec/ttlSecondsAfterFinished", "/spec/jobTemplate/spec/ttlSecondsAfterFinished",
            "/spec/successfulJobsHistoryLimit", "/spec/failedJobsHistoryLimit"] {
            prop_assert_eq!(updated.pointer(path), fresh.pointer(path), "{}", path);
        }
    }

    /// An update of a finished Job never shortens its life.
    #[test]
    fn a_finished_job_only_ever_lives_longer(policy in any_policy(), sent in object(true)) {
        if sent["kind"] != "Job" {
            return Ok(());
        }
        let stored = finish(&sent);
        let after = apply(&policy, Operation::Update, &touch(&stored), Some(&stored));
        let ttl = |object: &Json| object["spec"]["ttlSecondsAfterFinished"].as_i64();
        match (ttl(&stored), ttl(&after)) {
            (None, after) => prop_assert_eq!(after, None),
            (Some(_), None) => {}
            (Some(before), Some(after)) => prop_assert!(after >= before, "{} {}", before, after),
        }
    }
}
