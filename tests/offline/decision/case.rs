//! What the rows are made of: a policy, an object, and what came out.

use curfew::admission::patch;
use curfew::batch::{Kind, Map, Object};
use curfew::policy::decide::{Decision, Input, Operation, Verdict};
use curfew::policy::{Policy, Setting, Source};
use serde_json::{Value as Json, json};

/// A policy from the YAML of its `spec`.
pub(crate) fn policy(spec: &str) -> Policy {
    let spec: String = spec.lines().flat_map(|line| ["  ", line, "\n"]).collect();
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n{spec}"
    );
    let source = Source { name: "test.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:#?}")).policy
}

/// A case about to be decided.
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) operation: Operation,
    pub(crate) object: Json,
    pub(crate) old: Option<Json>,
    pub(crate) cronjob: Option<Json>,
    pub(crate) namespace: &'a str,
    pub(crate) namespace_labels: Option<Vec<(&'a str, &'a str)>>,
}

/// What came out of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// The object with the patch applied.
    pub(crate) after: Json,
    pub(crate) changed: bool,
    pub(crate) warnings: Vec<String>,
    /// Who decided the TTL.
    pub(crate) ttl_by: String,
    pub(crate) withheld: Vec<String>,
}

impl<'a> Case<'a> {
    pub(crate) fn create(policy: &'a Policy, object: Json) -> Self {
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

    pub(crate) fn update(policy: &'a Policy, old: Json, object: Json) -> Self {
        Self { operation: Operation::Update, old: Some(old), ..Self::create(policy, object) }
    }

    pub(crate) fn stored(policy: &'a Policy, object: Json) -> Self {
        Self { operation: Operation::Stored, ..Self::create(policy, object) }
    }

    pub(crate) fn namespace(self, namespace: &'a str) -> Self {
        Self { namespace, ..self }
    }

    pub(crate) fn decide(&self) -> Outcome {
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
            withheld: decision.withheld.iter().map(ToString::to_string).collect(),
            verdict: decision.verdict,
            after,
            warnings: decision.warnings,
        }
    }
}

impl Outcome {
    pub(crate) fn ttl(&self) -> Option<i64> {
        let spec = &self.after["spec"];
        let spec =
            if self.after["kind"] == "CronJob" { &spec["jobTemplate"]["spec"] } else { spec };
        spec["ttlSecondsAfterFinished"].as_i64()
    }

    pub(crate) fn record(&self) -> Option<&str> {
        self.after["metadata"]["annotations"]["curfew.dev/applied"].as_str()
    }

    pub(crate) fn template_record(&self) -> Option<&str> {
        let template = &self.after["spec"]["jobTemplate"]["metadata"];
        template["annotations"]["curfew.dev/applied"].as_str()
    }

    pub(crate) fn history(&self) -> (Option<i64>, Option<i64>) {
        let spec = &self.after["spec"];
        (spec["successfulJobsHistoryLimit"].as_i64(), spec["failedJobsHistoryLimit"].as_i64())
    }
}

pub(crate) fn job(fields: &Json) -> Json {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "x", "namespace": "apps"},
        "spec": {"template": {"metadata": {}, "spec": {}}},
    });
    merge(&mut job, fields);
    job
}

pub(crate) fn cronjob(fields: &Json) -> Json {
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

pub(crate) fn child(fields: &Json) -> Json {
    let mut child = job(&json!({"metadata": {"name": "daily-29000000", "ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "daily", "uid": "c-1", "controller": true}
    ]}}));
    merge(&mut child, fields);
    child
}

pub(crate) fn finished(kind: &str, mut job: Json) -> Json {
    merge(
        &mut job,
        &json!({"status": {"conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": "2026-11-13T00:00:00Z"}
        ]}}),
    );
    job
}

/// JSON merge patch, which is how the rows above stay short.
pub(crate) fn merge(target: &mut Json, fields: &Json) {
    json_patch::merge(target, fields);
}

pub(crate) const NOW: &str = "2026-11-21T00:00:00Z";

pub(crate) const DEV: &str = "\
rules:
  - name: dev
    match: {labels: {environment: dev}}
    ttl: 5m
";

pub(crate) fn dev() -> Json {
    job(&json!({"metadata": {"labels": {"environment": "dev"}}}))
}
