//! Exported policies on a real API server: what it does by itself is what the webhook does.
//!
//! Every policy meets every object twice, once with curfew registered as a webhook and once with
//! its export as a `MutatingAdmissionPolicy`, and both times the API server must come to the same
//! object, the record included. All calls are dry runs, so nothing is in the way of the next one.
//! A binary of its own, since an export holds for the whole cluster.

mod corpus;
mod export;
mod most;
mod outside;
mod served;
#[path = "../support/harness.rs"]
pub mod support;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use curfew::{cli::shared::yaml, export::Served};
use serde_json::{Value, json};

use corpus::{Sent, objects, policies};
use export::{Installed, exported};
use support::{
    control_plane::{self, ControlPlane},
    curfew::Curfew,
    namespace::Namespace,
    registration::{self, Registration},
};

#[test]
fn the_api_server_does_what_the_webhook_does() {
    let Some((plane, _alone)) = plane() else { return };
    let objects = objects();
    let spaces = spaces(plane, &objects);
    let mut changed = BTreeMap::new();
    let mut differences = Vec::new();
    for (name, policy) in policies() {
        let Some(export) = exported(plane, &policy) else { continue };
        let plain: Vec<_> = objects.iter().map(|sent| sent.dry_run(&spaces)).collect();
        let webhook = {
            let curfew = Curfew::start_in(plane, &policy);
            let webhooks = registration::curfew(&curfew.endpoint());
            let all: Vec<_> = spaces.values().collect();
            let _registration = Registration::new("compared", &all, &webhooks);
            objects.iter().map(|sent| sent.dry_run(&spaces)).collect::<Vec<_>>()
        };
        let installed = Installed::new(plane, &export, &spaces["elsewhere"]);
        for ((sent, plain), webhook) in objects.iter().zip(plain).zip(webhook) {
            let own = sent.dry_run(&spaces);
            if own != webhook {
                differences.push(format!(
                    "{name}: {}\n  webhook: {}\n  export:  {}",
                    sent.title,
                    told(&webhook),
                    told(&own)
                ));
            }
            *changed.entry(name.clone()).or_insert(0) += usize::from(webhook != plain);
        }
        drop(installed);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // Of each policy something must have been seen.
    assert!(changed.values().all(|changed| *changed > 0), "{changed:?}");
    assert!(changed.len() >= 10, "{changed:?}");
}

/// The control plane, for one test at a time: an export is there for all of them.
fn plane() -> Option<(&'static ControlPlane, MutexGuard<'static, ()>)> {
    static ALONE: Mutex<()> = Mutex::new(());
    static SWITCHED_ON: OnceLock<ControlPlane> = OnceLock::new();
    let plain = control_plane::shared()?;
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(flags) = flags(plain) else { return Some((plain, alone)) };
    let start = || {
        let flags: Vec<_> = flags.split(' ').map(str::to_owned).collect();
        ControlPlane::start_with(&flags).expect("one has started")
    };
    Some((SWITCHED_ON.get_or_init(start), alone))
}

/// What an API server of this version needs for the kind to be served.
fn flags(plane: &ControlPlane) -> Option<String> {
    Served::by_minor(plane.minor).expect("they all can").flags()
}

/// The fields that may differ.
fn told(object: &Value) -> String {
    let pick = |pointer: &str| object.pointer(pointer).cloned().unwrap_or_default();
    if object.get("spec").is_none() {
        return object.to_string();
    }
    json!({
        "ttl": pick("/spec/ttlSecondsAfterFinished"),
        "deadline": pick("/spec/activeDeadlineSeconds"),
        "template": pick("/spec/jobTemplate/spec/ttlSecondsAfterFinished"),
        "templateDeadline": pick("/spec/jobTemplate/spec/activeDeadlineSeconds"),
        "history": [
            pick("/spec/successfulJobsHistoryLimit"), pick("/spec/failedJobsHistoryLimit"),
        ],
        "starting": pick("/spec/startingDeadlineSeconds"),
        "zone": pick("/spec/timeZone"),
        "record": pick("/metadata/annotations/curfew.dev~1applied"),
        "templateRecord": pick("/spec/jobTemplate/metadata/annotations/curfew.dev~1applied"),
    })
    .to_string()
}

/// The namespaces that the objects are in, with the labels that the fixtures ask for.
fn spaces(plane: &'static ControlPlane, objects: &[Sent]) -> BTreeMap<String, Namespace<'static>> {
    let mut labels: BTreeMap<String, Value> = BTreeMap::from([("elsewhere".to_owned(), json!({}))]);
    for sent in objects {
        let known = labels.entry(sent.namespace.clone()).or_insert_with(|| json!({}));
        json_patch::merge(known, &sent.namespace_labels);
    }
    let open = |(name, labels): (String, Value)| {
        let space = Namespace::open(plane, &name, &labels);
        (name, space)
    };
    labels.into_iter().map(open).collect()
}

/// Reads the documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    let parse = |document: &str| {
        let value = yaml::parse(document).unwrap_or_else(|error| panic!("{error}:\n{document}"));
        serde_json::to_value(value).expect("it is plain")
    };
    text.split("\n---\n").map(parse).filter(|value| !value.is_null()).collect()
}
