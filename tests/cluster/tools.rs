//! What tools hold as their desired state, sent as they send it: each object is stored as
//! `tests/fixtures/tools/stored.yaml` has it, and the default policy patches none.
//!
//! To make that file again: `CURFEW_WRITE_FIXTURES=1 cargo test --test cluster tools`.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use crate::support::{
    api::Patch,
    audit,
    manifest::{cron_job, job, merged, timely},
    scene::{Scene, record, template_record, ttl},
};

#[test]
fn what_tools_hold_is_stored_as_in_the_fixture_and_left_alone() {
    let Some(scene) = Scene::new("tools", include_str!("../../policies/default.yaml")) else {
        return;
    };
    let requests: Vec<Value> =
        serde_yaml::from_str(include_str!("../fixtures/tools/requests.yaml")).expect("it is YAML");
    let mut items = Vec::new();
    for request in &requests {
        let stored = send(&scene, request);
        let name = &request["name"];
        assert_eq!(ttl(&stored), &Value::Null, "{name}");
        assert_eq!(
            (record(&stored), template_record(&stored)),
            (Value::Null, Value::Null),
            "{name}"
        );
        items.push(timeless(stored, items.len()));
    }
    // The scene does work: what no tool holds is patched.
    let ours = scene.space.create(&job("ours", json!({}))).ok();
    assert_eq!(ttl(&ours), 604_800);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tools/stored.yaml");
    if std::env::var_os("CURFEW_WRITE_FIXTURES").is_some() {
        // JSON is YAML, and a line for each keeps the file short.
        let lines: Vec<String> = items.iter().map(|item| format!("- {item}\n")).collect();
        fs::write(&path, HEAD.to_owned() + &lines.concat()).expect("the fixtures can be written");
    }
    let expected: Value =
        serde_yaml::from_str(&fs::read_to_string(&path).expect("it is there")).expect("it is YAML");
    for (stored, expected) in items.iter().zip(expected["items"].as_array().expect("a list")) {
        assert_eq!(stored, expected, "{}", stored["metadata"]["name"]);
    }
    assert_eq!(expected["items"].as_array().map(Vec::len), Some(items.len()));
}

/// Creates or applies an object as its tool does.
fn send(scene: &Scene, request: &Value) -> Value {
    let name = request["name"].as_str().expect("a name");
    let part = |part: &str| request.get(part).cloned().unwrap_or(Value::Null);
    let metadata = json!({"metadata": {
        "labels": part("labels"), "annotations": part("annotations"),
        "ownerReferences": part("ownerReferences"),
    }});
    let (mut object, resource) = match request["kind"].as_str() {
        Some("CronJob") => (cron_job(name, metadata), "cronjobs"),
        _ => (job(name, metadata), "jobs"),
    };
    if part("lastApplied") == true {
        let manifest = json!({"metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": object.to_string() + "\n"}}});
        object = merged(object, manifest);
    }
    let api = scene.plane.api.with_agent(request["userAgent"].as_str().unwrap_or_default());
    let reply = match (request["fieldManager"].as_str(), part("apply") == true) {
        (Some(manager), true) => api.patch(
            Patch::Apply(manager),
            &scene.space.path(&format!("{resource}/{name}")),
            &object,
        ),
        (Some(manager), false) => {
            api.post(&format!("{}?fieldManager={manager}", scene.space.path(resource)), &object)
        }
        (None, _) => api.post(&scene.space.path(resource), &object),
    };
    let annotations = scene.plane.audit.annotations(&reply);
    let calls = audit::calls(&annotations, &scene.registration.name);
    assert!(calls.iter().all(|patched| !patched), "{name}: {annotations}");
    reply.ok()
}

/// Without what differs in each run. An API server has no two objects of one uid.
fn timeless(mut object: Value, number: usize) -> Value {
    let uid = format!("00000000-0000-4000-8000-1{number:011}");
    let old = object["metadata"]["uid"].as_str().expect("a uid").to_owned();
    let namespace = object["metadata"]["namespace"].as_str().expect("a namespace").to_owned();
    let text = object.to_string().replace(&old, &uid).replace(&namespace, "shop");
    object = timely(serde_json::from_str(&text).expect("only a uid and a name became others"));
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    metadata.insert("creationTimestamp".to_owned(), TIME.into());
    metadata.insert("resourceVersion".to_owned(), (number + 1).to_string().into());
    for entry in metadata["managedFields"].as_array_mut().into_iter().flatten() {
        entry["time"] = TIME.into();
        // Which fields of the Pod each writes is a long list, and no mark.
        let fields = entry["fieldsV1"].as_object_mut().expect("fields");
        if let Some(Value::Object(spec)) = fields.get_mut("f:spec") {
            spec.values_mut().for_each(|of| *of = Map::new().into());
        }
    }
    object
}

const TIME: &str = "2026-11-01T00:00:00Z";

const HEAD: &str = "\
# What a real API server stores of what requests.yaml sends. Made by tests/cluster/tools.rs, which also
# compares; names of namespaces, uids, versions, times and the fields below f:spec are made the same.
apiVersion: v1
kind: List
items:
";
