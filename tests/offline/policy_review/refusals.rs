//! What is said of a policy that cannot be used.

use curfew::policy_review::PolicyReviewDecision;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::support::{VERSION, ask, body, file, map, one, repeated};

#[track_caller]
fn refused(object: &Json) -> Json {
    let (decision, response) = ask(&body(object, None));
    assert_eq!(decision, PolicyReviewDecision::Refused);
    response["status"].clone()
}

#[test]
fn message_and_causes_say_the_same() {
    let status = refused(&map(
        VERSION,
        &[
            ("10-base.yaml", &file("  rules:\n  - name: a\n    ttl: {onSuccess: 1h, onFail: 90m}")),
            ("20-more.yaml", "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\n  x: y\n"),
        ],
    ));
    insta::assert_json_snapshot!(status);
}

#[rstest]
#[case::no_data(
    json!({}),
    "data: error[E003] there is no policy file: the map is empty"
)]
#[case::null_data(
    json!({"data": null}),
    "data: error[E003] there is no policy file: the map is empty"
)]
#[case::other_files(
    json!({"data": {"policy.json": "{}", "a-test.yaml": "x"}}),
    "data: error[E003] there is no policy file, only a-test.yaml, policy.json"
)]
#[case::binary(
    json!({"data": {"a.yaml": "x"}, "binaryData": {"b.yaml": "AA=="}}),
    "b.yaml: error[E001] the file is in binaryData, and a policy is text"
)]
#[case::empty_file(
    json!({"data": {"a.yaml": ""}}),
    "a.yaml:1:1: error[E003] "
)]
#[case::a_tab(
    json!({"data": {"a.yaml": "a:\n\tb: c\n"}}),
    "a.yaml:2:1: error[E001] "
)]
#[case::no_yaml(
    json!({"data": {"a.yaml": "}{"}}),
    "a.yaml:1:1: error[E001] "
)]
#[case::another_document(
    json!({"data": {"a.yaml": "apiVersion: v1\nkind: ConfigMap\n"}}),
    "a.yaml:2:7: error[E010] "
)]
#[case::large_together(
    json!({"data": {"a.yaml": "#".repeat(600_000), "b.yaml": "#".repeat(600_000)}}),
    "data: error[E004] the files have 1200012 bytes together, and may have 1048576"
)]
fn maps_that_hold_no_policy(#[case] content: Json, #[case] expected: &str) {
    let mut object = map(VERSION, &[]);
    object.as_object_mut().unwrap().remove("data");
    json_patch::merge(&mut object, &content);
    let status = refused(&object);
    assert_eq!(status["code"], 422);
    assert_eq!(status["reason"], "Invalid");
    let message = status["message"].as_str().unwrap();
    let (head, line) = message.split_once('\n').unwrap();
    assert_eq!(head, "the policy has an error and cannot be used:");
    assert!(line.starts_with(expected), "{line}");
    let cause = &status["details"]["causes"][0];
    let cause =
        format!("{}: {}", cause["field"].as_str().unwrap(), cause["message"].as_str().unwrap());
    assert_eq!(cause, line);
}

#[rstest]
#[case::few(12, "and 2 more: curfew check shows them", "12 errors")]
#[case::beyond_what_the_loader_shows(
    300,
    "and over 190 more: curfew check shows them",
    "200 errors"
)]
fn ten_are_shown(#[case] count: usize, #[case] rest: &str, #[case] head: &str) {
    let fields = repeated(count, |number| format!("  unknown{number}: 1\n"));
    let status = refused(&one(&fields));
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("the policy has {head}")), "{message}");
    assert!(message.ends_with(rest), "{message}");
    assert_eq!(message.matches("error[").count(), 10);
    let causes = status["details"]["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 11);
    assert_eq!(
        causes[10],
        json!({"reason": "FieldValueInvalid", "field": "data", "message": rest})
    );
}

#[test]
fn what_was_written_is_quoted_in_part_and_moves_no_cursor() {
    let long = format!("  {}\u{7}: 1", "x".repeat(100_000));
    let status = refused(&one(&format!("  mode: \"\\e[31m{}\"\n{long}", "y".repeat(100_000))));
    let message = status["message"].as_str().unwrap();
    assert!(message.len() < 4096, "{}", message.len());
    assert!(!message.contains(['\u{1b}', '\u{7}']), "{message:?}");
}
