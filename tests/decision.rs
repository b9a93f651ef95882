//! `Policy::decide`, point by point of the policy's precedence. Each row is named for the promise
//! that it holds; the objects are JSON as the API server would send them.

use curfew::admission::patch;
use curfew::batch::{Kind, Map, Object};
use curfew::policy::decide::{Decision, Input, Operation, Verdict};
use curfew::policy::{Policy, Setting, Source};
use serde_json::{Value as Json, json};

/// A policy from the YAML of its `spec`.
fn policy(spec: &str) -> Policy {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n{spec}"
    );
    let source = Source { name: "test.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:#?}")).policy
}

/// A case about to be decided.
struct Case<'a> {
    policy: &'a Policy,
    operation: Operation,
    object: Json,
    old: Option<Json>,
    cronjob: Option<Json>,
    namespace: &'a str,
    namespace_labels: Option<Vec<(&'a str, &'a str)>>,
}

/// What came out of it.
#[derive(Debug)]
struct Outcome {
    verdict: Verdict,
    /// The object with the patch applied.
    after: Json,
    changed: bool,
    warnings: Vec<String>,
    /// Who decided the TTL.
    ttl_by: String,
}

impl<'a> Case<'a> {
    fn create(policy: &'a Policy, object: Json) -> Self {
        Self {
            policy,
            operation: Operation::Create,
            object,
            old: None,
            cronjob: None,
            namespace: "apps",
            namespace_labels: None,
        }
    }

    fn update(policy: &'a Policy, old: Json, object: Json) -> Self {
        Self { operation: Operation::Update, old: Some(old), ..Self::create(policy, object) }
    }

    fn stored(policy: &'a Policy, object: Json) -> Self {
        Self { operation: Operation::Stored, ..Self::create(policy, object) }
    }

    fn namespace(self, namespace: &'a str) -> Self {
        Self { namespace, ..self }
    }

    fn decide(&self) -> Outcome {
        let read = |json: &'a Json| {
            let kind = Kind::parse(json["kind"].as_str().unwrap()).unwrap();
            Object::from_json(kind, json).unwrap()
        };
        // The borrowed objects must outlive the decision only, not the case.
        let (object, old, cronjob): (Json, Option<Json>, Option<Json>) =
            (self.object.clone(), self.old.clone(), self.cronjob.clone());
        let object: &'static Json = Box::leak(Box::new(object));
        let old: Option<&'static Json> = old.map(|json| &*Box::leak(Box::new(json)));
        let cronjob: Option<&'static Json> = cronjob.map(|json| &*Box::leak(Box::new(json)));
        let (read_object, read_old, read_cronjob) =
            (read(object), old.map(read), cronjob.map(read));
        let labels: Option<Map<'_>> =
            self.namespace_labels.as_ref().map(|labels| labels.iter().copied().collect());
        let decision: Decision<'_> = self.policy.decide(&Input {
            operation: self.operation,
            object: &read_object,
            old: read_old.as_ref(),
            cronjob: read_cronjob.as_ref(),
            namespace: self.namespace,
            namespace_labels: labels.as_ref(),
            own_namespace: Some("curfew"),
            now: NOW.parse().unwrap(),
        });
        let operations = patch::operations(&decision, &read_object);
        let mut after = object.clone();
        json_patch::patch(&mut after, &operations).expect("the patch applies to what was sent");
        Outcome {
            changed: !operations.0.is_empty(),
            ttl_by: decision
                .setting(Setting::Ttl)
                .map(|settled| settled.source.as_str().to_owned())
                .unwrap_or_default(),
            verdict: decision.verdict,
            after,
            warnings: decision.warnings,
        }
    }
}

impl Outcome {
    fn ttl(&self) -> Option<i64> {
        let spec = &self.after["spec"];
        let spec =
            if self.after["kind"] == "CronJob" { &spec["jobTemplate"]["spec"] } else { spec };
        spec["ttlSecondsAfterFinished"].as_i64()
    }

    fn record(&self) -> Option<&str> {
        self.after["metadata"]["annotations"]["curfew.dev/applied"].as_str()
    }

    fn template_record(&self) -> Option<&str> {
        let template = &self.after["spec"]["jobTemplate"]["metadata"];
        template["annotations"]["curfew.dev/applied"].as_str()
    }

    fn history(&self) -> (Option<i64>, Option<i64>) {
        let spec = &self.after["spec"];
        (spec["successfulJobsHistoryLimit"].as_i64(), spec["failedJobsHistoryLimit"].as_i64())
    }
}

fn job(fields: Json) -> Json {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "x", "namespace": "apps"},
        "spec": {"template": {"metadata": {}, "spec": {}}},
    });
    merge(&mut job, fields);
    job
}

fn cronjob(fields: Json) -> Json {
    let mut cronjob = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "daily", "namespace": "apps", "uid": "c-1"},
        "spec": {
            "schedule": "0 2 * * *",
            "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {}, "spec": {"template": {"metadata": {}, "spec": {}}}},
        },
    });
    merge(&mut cronjob, fields);
    cronjob
}

fn child(fields: Json) -> Json {
    let mut child = job(json!({"metadata": {"name": "daily-29000000", "ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "daily", "uid": "c-1", "controller": true}
    ]}}));
    merge(&mut child, fields);
    child
}

fn finished(kind: &str, mut job: Json) -> Json {
    merge(
        &mut job,
        json!({"status": {"conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": "2026-11-13T00:00:00Z"}
        ]}}),
    );
    job
}

/// JSON merge patch, which is how the rows above stay short.
fn merge(target: &mut Json, fields: Json) {
    json_patch::merge(target, &fields);
}

const NOW: &str = "2026-11-21T00:00:00Z";

const DEV: &str = "\
rules:
  - name: dev
    match: {labels: {environment: dev}}
    ttl: 5m
";

fn dev() -> Json {
    job(json!({"metadata": {"labels": {"environment": "dev"}}}))
}

// Points 1 to 3: mode, what is never considered, exemptions.

#[test]
fn off_does_nothing_not_even_take_back() {
    let policy = policy("mode: Off\ndefaults: {ttl: 1h}\n");
    let record = r#"{"ttl":[300,null,"dev"]}"#;
    let ours = job(json!({
        "metadata": {"annotations": {"curfew.dev/applied": record}},
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy, ours).decide();
    assert_eq!(outcome.verdict, Verdict::Off);
    assert!(!outcome.changed);
}

#[test]
fn a_rule_switches_off_what_the_top_does() {
    let policy = policy(
        "rules:\n  - name: quiet\n    match: {namespaces: [apps]}\n    mode: Off\ndefaults: {ttl: 1h}\n",
    );
    assert_eq!(Case::create(&policy, job(json!({}))).decide().verdict, Verdict::Off);
    assert_eq!(Case::create(&policy, job(json!({}))).namespace("b").decide().ttl(), Some(3600));
}

#[rstest::rstest]
#[case::kube_system("kube-system")]
#[case::kube_public("kube-public")]
#[case::kube_node_lease("kube-node-lease")]
#[case::our_own("curfew")]
fn these_namespaces_are_never_considered(#[case] namespace: &str) {
    let policy = policy("defaults: {ttl: 1h}\n");
    let outcome = Case::create(&policy, job(json!({}))).namespace(namespace).decide();
    assert!(matches!(outcome.verdict, Verdict::NeverConsidered(_)));
    assert!(!outcome.changed);
}

#[test]
fn what_is_being_deleted_is_never_considered() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let going = job(json!({"metadata": {"deletionTimestamp": NOW}}));
    let outcome = Case::update(&policy, job(json!({})), going).decide();
    assert!(!outcome.changed);
}

#[test]
fn an_exemption_takes_back_what_is_ours() {
    let policy = policy("exempt: {namespaces: [\"app*\"]}\ndefaults: {ttl: 1h}\n");
    let ours = |original: &str| {
        let record = format!(r#"{{"ttl":[300,{original},"dev"]}}"#);
        job(json!({
            "metadata": {"annotations": {"curfew.dev/applied": record, "other": "stays"}},
            "spec": {"ttlSecondsAfterFinished": 300},
        }))
    };
    let absent = Case::create(&policy, ours("null")).decide();
    assert_eq!((absent.ttl(), absent.record()), (None, None));
    assert_eq!(absent.after["metadata"]["annotations"]["other"], "stays");
    let written = Case::create(&policy, ours("86400")).decide();
    assert_eq!((written.ttl(), written.record()), (Some(86400), None));
}

#[test]
fn a_child_of_an_exempt_cronjob_is_exempt() {
    let policy = policy(
        "exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}\ndefaults: {ttl: 1h}\n",
    );
    let mut case = Case::create(&policy, child(json!({})));
    case.cronjob = Some(cronjob(json!({"metadata": {"labels": {"cleanup-policy": "keep"}}})));
    let outcome = case.decide();
    assert_eq!(outcome.verdict, Verdict::Exempt("exempt.selectors[0]".to_owned()));
    assert!(!outcome.changed);
}

// Point 4: guards.

#[rstest::rstest]
#[case::foreign_controller(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "train", "uid": "u", "controller": true}
]}}))]
#[case::helm_hook(json!({"metadata": {"annotations": {"helm.sh/hook": "pre-upgrade"}}}))]
#[case::argo_hook(json!({"metadata": {"annotations": {"argocd.argoproj.io/hook": "Sync"}}}))]
#[case::argo_tracked(json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "a:batch/Job:x/y"}}}))]
#[case::flux_tracked(json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}}))]
#[case::field_manager(json!({"metadata": {"managedFields": [{"manager": "Terraform", "operation": "Apply"}]}}))]
#[case::field_manager_with_suffix(json!({"metadata": {"managedFields": [{"manager": "pulumi-kubernetes-1a2b", "operation": "Apply"}]}}))]
fn a_guard_leaves_the_object_alone(#[case] fields: Json) {
    let policy = policy("defaults: {ttl: 1h}\n");
    let outcome = Case::create(&policy, job(fields)).decide();
    assert_eq!(outcome.verdict, Verdict::Guarded);
    assert!(!outcome.changed);
}

#[rstest::rstest]
#[case::owner_that_does_not_control(json!({"metadata": {"ownerReferences": [
    {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"}]}}))]
#[case::unlike_manager(json!({"metadata": {"managedFields": [{"manager": "helmet", "operation": "Update"}]}}))]
fn what_is_no_mark_does_not_guard(#[case] fields: Json) {
    let policy = policy("defaults: {ttl: 1h}\n");
    assert_eq!(Case::create(&policy, job(fields)).decide().ttl(), Some(3600));
}

#[test]
fn a_rule_applies_the_policy_to_what_flux_deploys() {
    let policy = policy(
        "rules:\n  - name: flux\n    match: {namespaces: [apps]}\n    guards: {gitOpsTracked: Apply}\ndefaults: {ttl: 1h}\n",
    );
    let tracked = job(json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}}));
    assert_eq!(Case::create(&policy, tracked.clone()).decide().ttl(), Some(3600));
    assert_eq!(Case::create(&policy, tracked).namespace("b").decide().ttl(), None);
}

#[test]
fn the_strictest_guard_wins() {
    let policy = policy("guards: {gitOpsTracked: Apply, deployHooks: Skip}\ndefaults: {ttl: 1h}\n");
    let both = job(json!({"metadata": {
        "labels": {"app.kubernetes.io/instance": "a"}, "annotations": {"helm.sh/hook": "test"},
    }}));
    assert_eq!(Case::create(&policy, both).decide().verdict, Verdict::Guarded);
}

#[test]
fn an_allowed_owner_does_not_guard() {
    let policy = policy("guards: {allowOwners: [example.test/Run]}\ndefaults: {ttl: 1h}\n");
    let owned = job(json!({"metadata": {"ownerReferences": [
        {"apiVersion": "example.test/v1", "kind": "Run", "name": "r", "uid": "u", "controller": true}]}}));
    assert_eq!(Case::create(&policy, owned).decide().ttl(), Some(3600));
}

#[rstest::rstest]
#[case::lifts_the_policys(None, Some(600), 0)]
#[case::lifts_the_authors(Some(30), Some(600), 1)]
#[case::leaves_a_longer_one(Some(900), Some(900), 0)]
fn the_floor_beats_every_limit(
    #[case] ttl: Option<i64>,
    #[case] expected: Option<i64>,
    #[case] warnings: usize,
) {
    let policy = policy(
        "guards: {deployHooks: Floor}\nlimits: {ttl: {max: 15m}}\nrules:\n  - name: tight\n    match: {namespaces: [apps]}\n    limits: {ttl: {max: 1m}}\n  - name: all\n    match: {namespaces: [apps, b]}\n    ttl: 5s\n",
    );
    let hook = job(json!({
        "metadata": {"annotations": {"helm.sh/hook": "test"}}, "spec": {"ttlSecondsAfterFinished": ttl},
    }));
    let outcome = Case::create(&policy, hook).decide();
    let expected = if ttl == Some(900) { Some(600) } else { expected };
    let warnings = if ttl == Some(900) { 1 } else { warnings };
    assert_eq!(outcome.ttl(), expected);
    assert_eq!(outcome.warnings.len(), warnings, "{:?}", outcome.warnings);
}

#[test]
fn the_floor_adds_no_ttl() {
    let policy = policy("guards: {deployHooks: Floor}\n");
    let hook = job(json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}}));
    assert!(!Case::create(&policy, hook).decide().changed);
}

#[test]
fn a_dangerous_hook_is_left_with_a_warning() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let hook = job(json!({
        "metadata": {"annotations": {"helm.sh/hook": "test"}}, "spec": {"ttlSecondsAfterFinished": 0},
    }));
    let outcome = Case::create(&policy, hook).decide();
    assert!(!outcome.changed);
    assert_eq!(outcome.warnings.len(), 1);
}

// Points 5 to 8: rules, defaults, the author, limits.

#[test]
fn the_first_rule_that_mentions_a_setting_supplies_it() {
    let policy = policy(
        "rules:\n  - name: history-only\n    match: {namespaces: [apps]}\n    history: {successful: 5}\n  - name: first\n    match: {namespaces: [apps]}\n    ttl: 10s\n  - name: second\n    match: {namespaces: [apps]}\n    ttl: 20s\n",
    );
    let outcome = Case::create(&policy, job(json!({}))).decide();
    assert_eq!((outcome.ttl(), outcome.ttl_by.as_str()), (Some(10), "first"));
}

#[test]
fn what_is_filled_is_recorded() {
    let policy = policy(DEV);
    let outcome = Case::create(&policy, dev()).decide();
    assert_eq!(outcome.record(), Some(r#"{"ttl":[300,null,"dev"]}"#));
}

#[test]
fn unset_leaves_without_on_purpose() {
    let policy = policy(
        "rules:\n  - name: free\n    match: {namespaces: [apps]}\n    ttl: unset\ndefaults: {ttl: 1h}\n",
    );
    assert!(!Case::create(&policy, job(json!({}))).decide().changed);
}

#[rstest::rstest]
#[case::stays("", 86400, 86400, None, 0)]
#[case::enforced("    enforce: true\n", 86400, 300, Some(r#"{"ttl":[300,86400,"dev"]}"#), 1)]
#[case::enforced_but_equal("    enforce: true\n", 300, 300, None, 0)]
#[case::left_for_the_api("    enforce: true\n", -5, -5, None, 0)]
#[case::beyond_int32("    enforce: true\n", 1 << 40, 1 << 40, None, 0)]
fn what_an_author_wrote(
    #[case] enforce: &str,
    #[case] wrote: i64,
    #[case] expected: i64,
    #[case] record: Option<&str>,
    #[case] warnings: usize,
) {
    let policy = policy(&format!("{DEV}{enforce}"));
    let mut object = dev();
    object["spec"]["ttlSecondsAfterFinished"] = wrote.into();
    let outcome = Case::create(&policy, object).decide();
    assert_eq!(outcome.ttl(), Some(expected));
    assert_eq!(outcome.record(), record);
    assert_eq!(outcome.warnings.len(), warnings);
}

#[rstest::rstest]
#[case::above(2_592_000, 604_800, 1)]
#[case::below(10, 60, 1)]
#[case::within(3600, 3600, 0)]
fn limits_clamp_the_author(#[case] wrote: i64, #[case] expected: i64, #[case] warnings: usize) {
    let policy = policy("limits: {ttl: {min: 60s, max: 7d}}\n");
    let object = job(json!({"spec": {"ttlSecondsAfterFinished": wrote}}));
    let outcome = Case::create(&policy, object.clone()).decide();
    assert_eq!(outcome.ttl(), Some(expected));
    assert_eq!(outcome.warnings.len(), warnings);
    // The same answer again, and no second warning.
    let again = Case::create(&policy, outcome.after).decide();
    assert!(!again.changed);
    assert!(again.warnings.is_empty());
    // Without the limit the author's value is back.
    let lifted = Case::create(&self::policy("mode: Enforce\n"), again.after).decide();
    assert_eq!((lifted.ttl(), lifted.record()), (Some(wrote), None));
}

#[test]
fn limits_clamp_the_policy_without_a_warning() {
    let policy = policy(&format!(
        "{DEV}  - name: long\n    match: {{namespaces: [apps]}}\n    limits: {{ttl: {{min: 10m}}}}\n"
    ));
    let outcome = Case::create(&policy, dev()).decide();
    assert_eq!(outcome.record(), Some(r#"{"ttl":[600,null,"dev"]}"#));
    assert!(outcome.warnings.is_empty());
}

#[test]
fn where_limits_cross_min_wins() {
    let policy = policy(
        "limits: {ttl: {max: 1m}}\nrules:\n  - name: long\n    match: {namespaces: [apps]}\n    limits: {ttl: {min: 10m}}\n",
    );
    let object = job(json!({"spec": {"ttlSecondsAfterFinished": 5}}));
    assert_eq!(Case::create(&policy, object).decide().ttl(), Some(600));
}

#[test]
fn last_applied_shows_that_the_author_wrote_our_value() {
    let last = json!({"spec": {"ttlSecondsAfterFinished": 300}}).to_string();
    let object = job(json!({
        "metadata": {"annotations": {
            "curfew.dev/applied": r#"{"ttl":[300,null,"dev"]}"#,
            "kubectl.kubernetes.io/last-applied-configuration": last,
        }},
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy("defaults: {ttl: 1h}\n"), object).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (Some(300), None));
}

#[test]
fn an_apply_entry_shows_that_the_author_wrote_our_value() {
    let object = job(json!({
        "metadata": {
            "annotations": {"curfew.dev/applied": r#"{"ttl":[300,null,"dev"]}"#},
            "managedFields": [{"manager": "me", "operation": "Apply",
                "fieldsV1": {"f:spec": {"f:ttlSecondsAfterFinished": {}}}}],
        },
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy("defaults: {ttl: 1h}\n"), object).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (Some(300), None));
}

#[rstest::rstest]
#[case::not_json("forged")]
#[case::original_that_the_api_refuses(r#"{"ttl":[300,-5,"dev"]}"#)]
#[case::original_of_another_type(r#"{"ttl":[300,"soon","dev"]}"#)]
fn a_forged_record_is_void(#[case] record: &str) {
    let object = job(json!({
        "metadata": {"annotations": {"curfew.dev/applied": record}},
        "spec": {"ttlSecondsAfterFinished": 300},
    }));
    let outcome = Case::create(&policy("mode: Enforce\n"), object).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (Some(300), None));
}

// History: absence is invisible.

const FIVE: &str = "defaults: {history: {successful: 5, failed: 2}}\n";

#[test]
fn the_api_default_counts_as_unset() {
    let outcome = Case::create(&policy(FIVE), cronjob(json!({}))).decide();
    assert_eq!(outcome.history(), (Some(5), Some(2)));
    assert_eq!(
        outcome.record(),
        Some(r#"{"history.failed":[2,null,"defaults"],"history.successful":[5,null,"defaults"]}"#)
    );
    // Turned off again, the defaults of the API are back.
    let off = Case::create(&policy("mode: Enforce\n"), outcome.after).decide();
    assert_eq!((off.history(), off.record()), ((None, None), None));
}

#[rstest::rstest]
#[case::another_value(json!({"spec": {"successfulJobsHistoryLimit": 7, "failedJobsHistoryLimit": 7}}), (7, 7))]
#[case::last_applied(json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"successfulJobsHistoryLimit":3,"failedJobsHistoryLimit":1}}"#}}}), (3, 1))]
#[case::apply_entry(json!({"metadata": {"managedFields": [{"manager": "me", "operation": "Apply", "fieldsV1":
    {"f:spec": {"f:successfulJobsHistoryLimit": {}, "f:failedJobsHistoryLimit": {}}}}]}}), (3, 1))]
#[case::update_entry_shows_nothing(json!({"metadata": {"managedFields": [{"manager": "me", "operation": "Update",
    "fieldsV1": {"f:spec": {"f:successfulJobsHistoryLimit": {}, "f:failedJobsHistoryLimit": {}}}}]}}), (5, 2))]
#[case::tracked(json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}}}), (3, 1))]
#[case::changed_from_ours(json!({"metadata": {"annotations": {"curfew.dev/applied":
    r#"{"history.failed":[2,null,"defaults"],"history.successful":[5,null,"defaults"]}"#}}}), (3, 1))]
#[case::one_of_them(json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"failedJobsHistoryLimit":1}}"#}}}), (5, 1))]
fn a_default_that_was_meant_stays(#[case] fields: Json, #[case] expected: (i64, i64)) {
    let outcome = Case::create(&policy(FIVE), cronjob(fields)).decide();
    assert_eq!(outcome.history(), (Some(expected.0), Some(expected.1)));
    let again = Case::create(&policy(FIVE), outcome.after).decide();
    assert!(!again.changed, "{again:?}");
}

#[test]
fn edited_back_to_the_default_is_remembered() {
    let policy = policy(FIVE);
    let filled = Case::create(&policy, cronjob(json!({}))).decide().after;
    let mut edited = filled.clone();
    edited["spec"]["successfulJobsHistoryLimit"] = 3.into();
    let outcome = Case::update(&policy, filled, edited).decide();
    assert_eq!(outcome.history(), (Some(3), Some(2)));
    assert_eq!(
        outcome.record(),
        Some(r#"{"history.failed":[2,null,"defaults"],"history.successful":[3,3,"author"]}"#)
    );
    let mut touched = outcome.after.clone();
    merge(&mut touched, json!({"metadata": {"labels": {"touched": "yes"}}}));
    assert!(!Case::update(&policy, outcome.after, touched).decide().changed);
}

/// A rule enforced something else and is gone: what the manifest shows needs no entry beside it.
#[rstest::rstest]
#[case::last_applied(json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"successfulJobsHistoryLimit":3,"failedJobsHistoryLimit":1}}"#}}))]
#[case::apply_entry(json!({"managedFields": [{"manager": "me", "operation": "Apply", "fieldsV1":
    {"f:spec": {"f:successfulJobsHistoryLimit": {}, "f:failedJobsHistoryLimit": {}}}}]}))]
fn a_default_that_comes_back_and_is_shown_leaves_no_entry(#[case] metadata: Json) {
    let strict = policy(
        "rules: [{name: strict, match: {names: ['*']}, history: {successful: 1, failed: 0}, enforce: true}]\n",
    );
    let fields = json!({
        "metadata": metadata,
        "spec": {"successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1},
    });
    let enforced = Case::create(&strict, cronjob(fields)).decide();
    assert_eq!(enforced.history(), (Some(1), Some(0)));
    let back = Case::create(&policy(FIVE), enforced.after).decide();
    assert_eq!((back.history(), back.record()), ((Some(3), Some(1)), None));
    assert!(!Case::create(&policy(FIVE), back.after).decide().changed);
}

#[test]
fn replaced_by_a_manifest_without_limits_is_filled_again() {
    let policy = policy(FIVE);
    let filled = Case::create(&policy, cronjob(json!({}))).decide().after;
    let outcome = Case::update(&policy, filled, cronjob(json!({}))).decide();
    assert_eq!(outcome.history(), (Some(5), Some(2)));
}

#[test]
fn an_unset_history_beyond_the_limit_is_lowered() {
    let policy = policy("limits: {history: {max: 2}}\n");
    let outcome = Case::create(&policy, cronjob(json!({}))).decide();
    assert_eq!(outcome.history(), (Some(2), Some(1)));
    assert_eq!(outcome.record(), Some(r#"{"history.successful":[2,null,"limits"]}"#));
    assert!(outcome.warnings.is_empty(), "the author wrote nothing");
    let big = cronjob(json!({"spec": {"successfulJobsHistoryLimit": 50}}));
    assert_eq!(Case::create(&policy, big).decide().warnings.len(), 1);
}

#[test]
fn nothing_that_git_holds_is_rewritten() {
    let policy = policy(
        "limits: {ttl: {max: 1h}, history: {max: 2}}\nrules:\n  - name: hard\n    match: {kinds: [CronJob]}\n    ttl: 5m\n    history: {successful: 1}\n    enforce: true\n",
    );
    let tracked = cronjob(json!({
        "metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}},
        "spec": {"successfulJobsHistoryLimit": 50,
            "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 86400}}},
    }));
    assert!(!Case::create(&policy, tracked.clone()).decide().changed);
    // Its Jobs are judged when they are created.
    let mut case =
        Case::create(&policy, child(json!({"spec": {"ttlSecondsAfterFinished": 86400}})));
    case.cronjob = Some(tracked);
    assert_eq!(case.decide().ttl(), Some(300));
    // What it left open is filled.
    let open = cronjob(json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}}}));
    assert_eq!(Case::create(&policy, open).decide().ttl(), Some(300));
}

// Point 9: outcome.

const PAIR: &str = "defaults: {ttl: {onSuccess: 1h, onFailure: 3d}}\n";

#[test]
fn a_pair_gives_the_larger_side_first_and_the_outcomes_later() {
    let policy = policy(PAIR);
    let born = Case::create(&policy, job(json!({}))).decide();
    assert_eq!(born.ttl(), Some(259_200));
    let succeeded = Case::stored(&policy, finished("Complete", born.after.clone())).decide();
    assert_eq!(succeeded.ttl(), Some(3600));
    assert_eq!(succeeded.record(), Some(r#"{"ttl":[3600,null,"defaults"]}"#));
    let failed = Case::stored(&policy, finished("Failed", born.after)).decide();
    assert!(!failed.changed);
}

#[test]
fn a_side_left_open_makes_the_job_ours() {
    let policy = policy("defaults: {ttl: {onSuccess: 1h, onFailure: unset}}\n");
    let born = Case::create(&policy, job(json!({}))).decide();
    assert_eq!((born.ttl(), born.record()), (None, Some(r#"{"ttl":[null,null,"defaults"]}"#)));
    let again = Case::create(&policy, born.after.clone()).decide();
    assert!(!again.changed);
    let succeeded = Case::stored(&policy, finished("Complete", born.after.clone())).decide();
    assert_eq!(succeeded.ttl(), Some(3600));
    assert!(!Case::stored(&policy, finished("Failed", born.after)).decide().changed);
}

// Point 10: holds.

fn held(until: &str, ttl: Option<i64>) -> Json {
    job(json!({
        "metadata": {"annotations": {"curfew.dev/hold-until": until}},
        "spec": {"ttlSecondsAfterFinished": ttl},
    }))
}

#[rstest::rstest]
#[case::near("2026-11-22T00:00:00Z")]
#[case::far("2036-11-22T00:00:00Z")]
#[case::past("2016-11-22T00:00:00Z")]
fn a_hold_on_an_unfinished_job_raises_whatever_its_date(#[case] until: &str) {
    let policy = policy("limits: {hold: 2d, ttl: {max: 1h}}\n");
    let outcome = Case::create(&policy, held(until, Some(600))).decide();
    assert_eq!(outcome.ttl(), Some(172_800));
    assert_eq!(outcome.record(), Some(r#"{"ttl":[172800,600,"hold"]}"#));
    // Released, the author's value is back.
    let mut released = outcome.after.clone();
    merge(&mut released, json!({"metadata": {"annotations": {"curfew.dev/hold-until": null}}}));
    let back = Case::update(&policy, outcome.after, released).decide();
    assert_eq!((back.ttl(), back.record()), (Some(600), None));
}

#[test]
fn a_hold_that_raises_nothing_writes_nothing() {
    let policy = policy("limits: {hold: 2d}\n");
    assert!(!Case::create(&policy, held("2026-12-01T00:00:00Z", None)).decide().changed);
    assert!(!Case::create(&policy, held("2026-12-01T00:00:00Z", Some(900_000))).decide().changed);
}

#[test]
fn a_hold_goes_past_guards() {
    let policy = policy("limits: {hold: 2d}\n");
    let mut object = held("2026-12-01T00:00:00Z", Some(600));
    merge(&mut object, json!({"metadata": {"annotations": {"helm.sh/hook": "test"}}}));
    assert_eq!(Case::create(&policy, object).decide().ttl(), Some(172_800));
}

#[test]
fn a_hold_that_does_not_parse_keeps_as_long_as_may_be_and_says_so() {
    let outcome = Case::create(&policy("mode: Enforce\n"), held("next week", Some(600))).decide();
    assert_eq!(outcome.ttl(), Some(604_800));
    assert!(outcome.warnings.iter().any(|w| w.contains("RFC 3339")), "{:?}", outcome.warnings);
}

#[rstest::rstest]
// Finished 2026-11-13: nine days until the 22nd, and limits.hold is seven.
#[case::longer_than_allowed("2026-11-22T00:00:00Z", 604_800)]
#[case::exact("2026-11-16T00:00:00Z", 259_200)]
#[case::half_a_second_is_rounded_up("2026-11-16T00:00:00.5Z", 259_201)]
#[case::shorter_than_the_ttl("2026-11-13T00:01:00Z", 600)]
fn a_hold_on_a_finished_job_gives_the_exact_value(#[case] until: &str, #[case] expected: i64) {
    let policy = policy("mode: Enforce\n");
    let before = finished("Complete", job(json!({"spec": {"ttlSecondsAfterFinished": 600}})));
    let after = finished("Complete", held(until, Some(600)));
    assert_eq!(Case::update(&policy, before, after).decide().ttl(), Some(expected));
}

// Point 11: updates.

#[test]
fn a_finished_job_is_not_touched_by_a_label() {
    let policy = policy("defaults: {ttl: 1s}\n");
    let before = finished("Complete", job(json!({})));
    let mut after = before.clone();
    merge(&mut after, json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}));
    assert!(!Case::update(&policy, before.clone(), after).decide().changed);
    // The sweeper sees it as due all the same.
    assert_eq!(Case::stored(&policy, before).decide().ttl(), Some(1));
}

#[test]
fn a_finished_job_that_turns_out_exempt_gets_its_own_ttl_back_only_if_longer() {
    let policy = policy("exempt: {selectors: [{matchLabels: {keep: \"yes\"}}]}\n");
    let ours = |original: Json| {
        let record = json!({"ttl": [300, original, "dev"]}).to_string();
        finished(
            "Complete",
            job(json!({
                "metadata": {"annotations": {"curfew.dev/applied": record}},
                "spec": {"ttlSecondsAfterFinished": 300},
            })),
        )
    };
    let keep = |mut object: Json| {
        merge(&mut object, json!({"metadata": {"labels": {"keep": "yes"}}}));
        object
    };
    let forever = Case::update(&policy, ours(Json::Null), keep(ours(Json::Null))).decide();
    assert_eq!((forever.ttl(), forever.record()), (None, None));
    let longer = Case::update(&policy, ours(900.into()), keep(ours(900.into()))).decide();
    assert_eq!(longer.ttl(), Some(900));
    let shorter = Case::update(&policy, ours(10.into()), keep(ours(10.into()))).decide();
    assert!(!shorter.changed);
}

#[test]
fn a_lost_record_is_put_back() {
    let policy = policy(DEV);
    let born = Case::create(&policy, dev()).decide().after;
    let mut bare = born.clone();
    merge(&mut bare, json!({"metadata": {"annotations": {"curfew.dev/applied": null}}}));
    for done in [false, true] {
        let (old, new) = if done {
            (finished("Complete", born.clone()), finished("Complete", bare.clone()))
        } else {
            (born.clone(), bare.clone())
        };
        let outcome = Case::update(&policy, old, new).decide();
        assert_eq!(outcome.record(), Some(r#"{"ttl":[300,null,"dev"]}"#), "finished: {done}");
    }
}

#[test]
fn a_ttl_that_was_taken_away_is_not_put_back() {
    let policy = policy(DEV);
    let born = Case::create(&policy, dev()).decide().after;
    let mut without = born.clone();
    merge(&mut without, json!({"spec": {"ttlSecondsAfterFinished": null}}));
    let outcome = Case::update(&policy, born.clone(), without.clone()).decide();
    assert_eq!((outcome.ttl(), outcome.record()), (None, Some(r#"{"ttl":[null,null,"author"]}"#)));
    let mut touched = outcome.after.clone();
    merge(&mut touched, json!({"metadata": {"labels": {"a": "b"}}}));
    assert!(!Case::update(&policy, outcome.after.clone(), touched).decide().changed);
    assert!(!Case::stored(&policy, outcome.after).decide().changed);
    // Unless the rule enforces.
    let hard = self::policy(&format!("{DEV}    enforce: true\n"));
    assert_eq!(Case::update(&hard, born, without).decide().ttl(), Some(300));
}

#[test]
fn a_cronjobs_template_is_filled_again() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let born = Case::create(&policy, cronjob(json!({}))).decide();
    assert_eq!(born.template_record(), Some(r#"{"ttl":[3600,null,"defaults"]}"#));
    let outcome = Case::update(&policy, born.after, cronjob(json!({}))).decide();
    assert_eq!(outcome.ttl(), Some(3600));
}

#[test]
fn an_update_of_something_else_is_left_alone() {
    let policy = policy("defaults: {ttl: 1h}\n");
    let mut after = job(json!({}));
    merge(&mut after, json!({"spec": {"parallelism": 4}}));
    let outcome = Case::update(&policy, job(json!({})), after).decide();
    assert_eq!(outcome.verdict, Verdict::Untouched);
    assert!(!outcome.changed);
}

// Points 12 to 15: families, what is only filled, unknown namespaces, names.

#[test]
fn a_child_is_judged_by_its_family() {
    let policy = policy(
        "rules:\n  - name: by-name\n    match: {names: [daily]}\n    ttl: 2d\n  - name: prod\n    match: {labels: {environment: production}}\n    ttl: 1d\n",
    );
    let parent = Case::create(&policy, cronjob(json!({}))).decide().after;
    let inherited = child(json!({
        "metadata": {
            "labels": {"environment": "production"},
            "annotations": parent["spec"]["jobTemplate"]["metadata"]["annotations"],
        },
        "spec": {"ttlSecondsAfterFinished": 172_800},
    }));
    let mut case = Case::create(&policy, inherited);
    case.cronjob = Some(parent);
    let outcome = case.decide();
    assert!(!outcome.changed);
    assert_eq!(outcome.ttl_by, "by-name");
}

#[test]
fn a_child_of_an_unknown_cronjob_keeps_what_it_inherited() {
    let policy = policy("limits: {ttl: {max: 1m}}\ndefaults: {ttl: 10s}\n");
    let outcome = Case::create(
        &policy,
        child(json!({
            "metadata": {"annotations": {"curfew.dev/hold-until": "2026-12-01T00:00:00Z"}},
            "spec": {"ttlSecondsAfterFinished": 3600},
        })),
    )
    .decide();
    assert_eq!(outcome.verdict, Verdict::UnknownCronJob);
    assert!(!outcome.changed);
}

#[test]
fn kinds_divide_families_from_lone_jobs() {
    let policy = policy(
        "rules:\n  - name: families\n    match: {kinds: [CronJob]}\n    ttl: unset\n  - name: alone\n    match: {kinds: [Job]}\n    ttl: 1h\n",
    );
    assert_eq!(Case::create(&policy, job(json!({}))).decide().ttl(), Some(3600));
    assert_eq!(Case::create(&policy, cronjob(json!({}))).decide().ttl(), None);
    let mut case = Case::create(&policy, child(json!({})));
    case.cronjob = Some(cronjob(json!({})));
    assert_eq!(case.decide().ttl(), None);
}

#[test]
fn our_own_annotation_does_not_hide_the_pod_templates_labels() {
    let policy = policy(DEV);
    let object = cronjob(json!({"spec": {"jobTemplate": {
        "metadata": {"labels": {"curfew.dev/x": "y"}},
        "spec": {"template": {"metadata": {"labels": {"environment": "dev"}}}},
    }}}));
    assert_eq!(Case::create(&policy, object).decide().ttl(), Some(300));
}

#[test]
fn time_zone_and_deadlines_are_filled_at_create_only() {
    let policy =
        policy("defaults: {timeZone: Europe/Berlin, deadlines: {active: 1h, starting: 5m}}\n");
    let born = Case::create(&policy, cronjob(json!({}))).decide();
    let spec = &born.after["spec"];
    assert_eq!(spec["timeZone"], "Europe/Berlin");
    assert_eq!(spec["startingDeadlineSeconds"], 300);
    assert_eq!(spec["jobTemplate"]["spec"]["activeDeadlineSeconds"], 3600);
    assert!(!Case::create(&policy, born.after.clone()).decide().changed, "reinvocation");
    let none = self::policy("mode: Enforce\n");
    let mut touched = born.after.clone();
    merge(&mut touched, json!({"metadata": {"labels": {"a": "b"}}}));
    assert!(!Case::update(&none, born.after, touched).decide().changed, "what runs is not moved");
    let mut labelled = cronjob(json!({}));
    merge(&mut labelled, json!({"metadata": {"labels": {"a": "b"}}}));
    assert!(!Case::update(&policy, cronjob(json!({})), labelled).decide().changed);
}

#[test]
fn no_time_zone_beside_one_in_the_schedule() {
    let policy = policy("defaults: {timeZone: Europe/Berlin}\n");
    let object = cronjob(json!({"spec": {"schedule": "TZ=UTC 0 2 * * *"}}));
    assert!(!Case::create(&policy, object).decide().changed);
}

#[test]
fn unknown_namespace_labels_leave_the_object_alone() {
    let policy = policy(
        "rules:\n  - name: team\n    match: {namespaceSelector: {matchLabels: {team: a}}}\n    ttl: 1h\n",
    );
    let mut case = Case::create(&policy, job(json!({})));
    assert_eq!(case.decide().verdict, Verdict::UnknownNamespace);
    case.namespace_labels = Some(vec![("team", "a")]);
    assert_eq!(case.decide().ttl(), Some(3600));
    case.namespace_labels = Some(vec![("team", "b")]);
    assert_eq!(case.decide().ttl(), None);
}

#[test]
fn an_earlier_rule_makes_an_unknown_namespace_irrelevant() {
    let policy = policy(
        "rules:\n  - name: first\n    match: {namespaces: [apps]}\n    ttl: 1m\n  - name: team\n    match: {namespaceSelector: {matchLabels: {team: a}}}\n    ttl: 1h\n",
    );
    assert_eq!(Case::create(&policy, job(json!({}))).decide().ttl(), Some(60));
}

#[test]
fn a_generated_name_is_matched_by_its_prefix() {
    let policy =
        policy("rules:\n  - name: batch\n    match: {names: [\"batch-*\"]}\n    ttl: 1h\n");
    let object = job(json!({"metadata": {"name": null, "generateName": "batch-"}}));
    assert_eq!(Case::create(&policy, object.clone()).decide().ttl(), Some(3600));
    let mut stored = object;
    stored["metadata"]["name"] = "batch-x7k2p".into();
    assert_eq!(Case::stored(&policy, stored).decide().ttl(), Some(3600));
}

#[test]
fn warnings_are_short_and_carry_the_reason() {
    let policy = policy(
        "rules:\n  - name: a-very-long-name-for-a-rule-of-a-team-that-likes-long-names-x\n    match: {namespaces: [apps]}\n    ttl: 5m\n    enforce: true\n    reason: see https://example.test/tickets/PLATFORM-12345 for why and whom to ask\n",
    );
    let outcome =
        Case::create(&policy, job(json!({"spec": {"ttlSecondsAfterFinished": 1}}))).decide();
    assert!(outcome.warnings.iter().any(|warning| warning.contains("PLATFORM-12345")));
    for warning in outcome.warnings {
        assert!(warning.is_ascii() && warning.len() <= 120, "{} bytes: {warning}", warning.len());
    }
}
