//! Stored objects and a policy, for tests of the sweeper: JSON in, judgement out.

#![expect(clippy::needless_pass_by_value, reason = "the rows of the tables are json!(..)")]

use curfew::batch::{Kind, Map, Object};
use curfew::policy::{Policy, Source};
use curfew::sweeper::{Judgement, View, decide};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";

/// A policy from the YAML of its `spec`.
pub(crate) fn policy(spec: &str) -> Policy {
    let spec = spec.lines().fold(String::new(), |text, line| text + "  " + line + "\n");
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n{spec}"
    );
    let source = Source { name: "test.yaml".to_owned(), text: text.clone() };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")).policy
}

/// A stored object about to be judged.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) object: Json,
    pub(crate) cronjob: Option<Json>,
    pub(crate) children: Vec<Json>,
    pub(crate) is_whole: bool,
    pub(crate) namespace: String,
    pub(crate) namespace_labels: Option<Vec<(&'static str, &'static str)>>,
    pub(crate) flapping: bool,
    pub(crate) now: Timestamp,
}

impl Case {
    pub(crate) fn new(object: Json) -> Self {
        Self {
            object,
            cronjob: None,
            children: Vec::new(),
            is_whole: true,
            namespace: "apps".to_owned(),
            namespace_labels: None,
            flapping: false,
            now: NOW.parse().unwrap(),
        }
    }

    pub(crate) fn judge<'p>(&self, policy: &'p Policy) -> Judgement<'p> {
        let object = read(&self.object);
        let cronjob = self.cronjob.as_ref().map(read);
        let children: Vec<Object<'_>> = self.children.iter().map(read).collect();
        let children: Vec<&Object<'_>> = children.iter().collect();
        let labels: Option<Map<'_>> =
            self.namespace_labels.as_ref().map(|labels| labels.iter().copied().collect());
        decide(
            policy,
            &View {
                object: &object,
                cronjob: cronjob.as_ref(),
                children: &children,
                is_whole: self.is_whole,
                namespace: &self.namespace,
                namespace_labels: labels.as_ref(),
                own_namespace: Some("curfew"),
                flapping: self.flapping,
                now: self.now,
            },
        )
    }
}

fn read(json: &Json) -> Object<'_> {
    let kind = Kind::parse(json["kind"].as_str().unwrap()).unwrap();
    Object::from_json(kind, json).unwrap()
}

/// A running Job; `fields` are merged into it.
pub(crate) fn job(fields: Json) -> Json {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "x", "namespace": "apps", "uid": "u-1", "resourceVersion": "7"},
        "spec": {"template": {"metadata": {}, "spec": {}}},
        "status": {"startTime": "2026-11-01T00:00:00Z", "active": 1},
    });
    json_patch::merge(&mut job, &fields);
    job
}

/// A Job that ended this long before [`NOW`].
pub(crate) fn finished(condition: &str, seconds_ago: i64, fields: Json) -> Json {
    let now: Timestamp = NOW.parse().unwrap();
    let at = now - jiff::SignedDuration::from_secs(seconds_ago);
    let mut job = job(json!({"status": {"conditions": [
        {"type": condition, "status": "True", "lastTransitionTime": at.to_string()}
    ]}}));
    json_patch::merge(&mut job, &fields);
    job
}

pub(crate) fn cronjob(fields: Json) -> Json {
    let mut cronjob = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "daily", "namespace": "apps", "uid": "c-1", "resourceVersion": "9"},
        "spec": {
            "schedule": "0 2 * * *",
            "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {}, "spec": {"template": {"metadata": {}, "spec": {}}}},
        },
    });
    json_patch::merge(&mut cronjob, &fields);
    cronjob
}

/// Makes a Job a child of [`cronjob`].
pub(crate) fn child(mut job: Json) -> Json {
    job["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "daily", "uid": "c-1",
        "controller": true,
    }]);
    job
}

/// A TTL of ours, with its record.
pub(crate) fn ours(ttl: i64, original: Json, rule: &str) -> Json {
    let record = json!({"ttl": [ttl, original, rule]}).to_string();
    json!({
        "metadata": {"annotations": {"curfew.dev/applied": record}},
        "spec": {"ttlSecondsAfterFinished": ttl},
    })
}
