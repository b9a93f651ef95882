//! Reviews that a test makes, and what is in their answers.

use curfew::policy_review::{Answer, PolicyReviewDecision, review};
use serde_json::{Value as Json, json};

/// The version of the curfew that is asked.
pub(crate) const VERSION: &str = "1.2.3";

/// A `ConfigMap` of a version with files.
pub(crate) fn map(version: &str, files: &[(&str, &str)]) -> Json {
    let data: serde_json::Map<String, Json> =
        files.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "curfew-policy",
            "namespace": "curfew",
            "labels": {"app.kubernetes.io/version": version},
        },
        "data": data,
    })
}

/// A policy file with this in its `spec`.
pub(crate) fn file(spec: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: p}}\nspec:\n{spec}\n"
    )
}

/// The map with one file.
pub(crate) fn one(spec: &str) -> Json {
    map(VERSION, &[("10-base.yaml", &file(spec))])
}

/// Text that repeats itself, but for a number.
pub(crate) fn repeated(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}

/// A review of an UPDATE, or of a CREATE where there was nothing.
pub(crate) fn body(object: &Json, old: Option<&Json>) -> Json {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "0b4f",
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "name": "curfew-policy",
            "namespace": "curfew",
            "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
            "object": object,
            "oldObject": old,
        },
    })
}

#[track_caller]
pub(crate) fn ask(body: &Json) -> (PolicyReviewDecision, Json) {
    let Answer { body, report } = review(VERSION, &serde_json::to_vec(body).unwrap()).unwrap();
    let reply: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!(reply["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(reply["kind"], "AdmissionReview");
    let response = reply["response"].clone();
    assert_eq!(response["uid"], "0b4f");
    assert_eq!(response["allowed"], report.decision != PolicyReviewDecision::Refused);
    assert_eq!(response["status"].is_object(), report.decision == PolicyReviewDecision::Refused);
    assert_eq!(response["auditAnnotations"]["decision"], report.decision.as_str());
    (report.decision, response)
}

/// The warnings of an answer, each of which a header can carry.
#[track_caller]
pub(crate) fn warnings(response: &Json) -> Vec<String> {
    let list = response["warnings"].as_array().cloned().unwrap_or_default();
    let list: Vec<String> = list.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    for text in &list {
        let plain = text.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
        assert!(plain && text.len() <= 120, "{text}");
    }
    assert!(list.iter().map(String::len).sum::<usize>() <= 4096);
    list
}
