//! Offline commands against the cluster: manifests, and the reviews that a real API server made of
//! them, come to the same.

use curfew::admission::{Site, admit};
use curfew::policy::{Policy, Source};
use serde_json::Value;

use super::*;

/// The fields of a patch, without our annotation: where that goes depends on what else has
/// annotated the object on its way.
fn fields(patch: &Value) -> Vec<Value> {
    let of_spec = |operation: &&Value| {
        let pointer = operation["path"].as_str().unwrap();
        pointer.starts_with("/spec/") && !pointer.contains("metadata")
    };
    patch.as_array().into_iter().flatten().filter(of_spec).cloned().collect()
}

fn by_the_webhook(policy: &Policy, review: &[u8]) -> Vec<Value> {
    let now = "2026-11-21T18:00:00Z".parse().unwrap();
    let answer = admit(policy, &Site::default(), review, now).unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let Some(patch) = body["response"]["patch"].as_str() else { return Vec::new() };
    let decoded = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, patch).unwrap();
    fields(&serde_json::from_slice(&decoded).unwrap())
}

/// `objects.yaml` went to a real API server; the reviews are what its webhook was sent.
#[rstest::rstest]
#[case::bundled("../../policies/default.yaml")]
#[case::example("example.yaml")]
fn manifests_and_reviews_are_judged_alike(#[case] path: &str) {
    let text = fs::read_to_string(fixtures().join(path)).unwrap();
    let source = Source { name: path.to_owned(), text };
    let policy = Policy::load(&[source]).unwrap().policy;
    let arguments = ["mutate", "-q", "-n", "rec", "-o", "patch", "-f", "objects.yaml"];
    let output = curfew(fixtures()).args(arguments).args(["--policy", path]).output().unwrap();
    let offline: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut compared = 0;
    for entry in fs::read_dir(fixtures().join("reviews")).unwrap() {
        let path = entry.unwrap().path();
        let number: u32 = path.file_name().unwrap().to_str().unwrap()[..2].parse().unwrap();
        // 3 to 12 are `kubectl apply -f objects.yaml`.
        if !(3..=12).contains(&number) {
            continue;
        }
        let review = fs::read(&path).unwrap();
        let json: Value = serde_json::from_slice(&review).unwrap();
        let object = &json["request"]["object"];
        let kind = object["kind"].as_str().unwrap().to_lowercase();
        let title = format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap());
        let mine = offline.iter().find(|line| line["object"] == title);
        let mine = mine.map_or_else(Vec::new, |line| fields(&line["patch"]));
        assert_eq!(mine, by_the_webhook(&policy, &review), "{title}");
        compared += 1;
    }
    assert_eq!(compared, 10);
}

/// What is filled is what the API server fills.
#[test]
fn defaults_are_those_of_the_api_server() {
    let text = fs::read_to_string(fixtures().join("objects.yaml")).unwrap();
    let documents = curfew::cli::shared::manifests::parse("objects.yaml", &text).unwrap();
    let mut compared = 0;
    for entry in fs::read_dir(fixtures().join("reviews")).unwrap() {
        let path = entry.unwrap().path();
        let number: u32 = path.file_name().unwrap().to_str().unwrap()[..2].parse().unwrap();
        if !(3..=12).contains(&number) {
            continue;
        }
        let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let sent = &json["request"]["object"];
        let name = sent["metadata"]["name"].as_str();
        let document = documents.iter().find(|d| d.metadata("name") == name).unwrap();
        let filled = curfew::cli::shared::judge::Judgeable::new(document, "rec").unwrap();
        let filled = filled.filled();
        assert_eq!(filled["metadata"]["labels"], sent["metadata"]["labels"], "{name:?}");
        let spec = |object: &Value| {
            let mut spec = object["spec"].as_object().unwrap().clone();
            // Defaults of the Pod template are not filled, and `suspend: false` is written
            // out by the API server only.
            spec.remove("template");
            spec.remove("jobTemplate");
            spec
        };
        assert_eq!(spec(filled), spec(sent), "{name:?}");
        compared += 1;
    }
    assert_eq!(compared, 10);
}
