//! What the API server's audit log says of a call.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use serde_json::Value;

use super::{api::Reply, wait::eventually};

/// Holds the place of the log.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
}

// === impl Audit ===

impl Audit {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The annotations of a call, `{}` where it has none. The log is written after the answer, so
    /// this waits.
    #[track_caller]
    pub fn annotations(&self, reply: &Reply) -> Value {
        let wanted = format!("\"auditID\":\"{}\"", reply.audit_id);
        let event = eventually("the call stands in the audit log", LIMIT, || {
            let log = fs::read_to_string(&self.path).ok()?;
            let line = log.lines().rev().find(|line| line.contains(&wanted))?;
            serde_json::from_str::<Value>(line).ok()
        });
        match &event["annotations"] {
            Value::Null => Value::Object(serde_json::Map::new()),
            annotations => annotations.clone(),
        }
    }

    /// All calls that concern a namespace.
    pub fn of(&self, namespace: &str) -> Vec<Value> {
        let log = fs::read_to_string(&self.path).unwrap_or_default();
        log.lines()
            // The last line may still be in the making.
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| event["objectRef"]["namespace"] == namespace)
            .collect()
    }

    /// Who made calls with this verb on a resource, in whatever namespace.
    pub fn users(&self, verb: &str, resource: &str) -> BTreeSet<String> {
        let log = fs::read_to_string(&self.path).unwrap_or_default();
        let calls = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        calls
            .filter(|call| call["verb"] == verb && call["objectRef"]["resource"] == resource)
            .filter_map(|call| Some(call["user"]["username"].as_str()?.to_owned()))
            .collect()
    }

    /// Those among all calls of a namespace that went on because a webhook failed.
    pub fn failed_open(&self, namespace: &str) -> Vec<Value> {
        let mut events = self.of(namespace);
        events.retain(|event| failed_open(&event["annotations"]));
        events
    }
}

/// Whether annotations say that a webhook could not be called.
pub fn failed_open(annotations: &Value) -> bool {
    annotations.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with("failed-open")))
}

/// What each call of a webhook of `configuration` did, in order: whether it mutated.
pub fn calls(annotations: &Value, configuration: &str) -> Vec<bool> {
    let mut calls: Vec<(&String, bool)> = Vec::new();
    for (key, value) in annotations.as_object().into_iter().flatten() {
        if !key.starts_with("mutation.webhook.admission.k8s.io/") {
            continue;
        }
        let value: Value =
            serde_json::from_str(value.as_str().unwrap_or_default()).unwrap_or_default();
        if value["configuration"] == configuration {
            calls.push((key, value["mutated"] == true));
        }
    }
    calls.sort();
    calls.into_iter().map(|(_, mutated)| mutated).collect()
}

const LIMIT: Duration = Duration::from_secs(10);
