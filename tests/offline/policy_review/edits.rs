//! Which reviews are judged, and what a good policy is answered.

use curfew::policy::{Policy, Source};
use curfew::policy_review::PolicyReviewDecision;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::support::{VERSION, ask, body, file, map, one, repeated, warnings};

const GOOD: &str = "  defaults: {ttl: 1d}";
const BAD: &str = "  defaults: {tll: 1d}";

fn changed(mut review: Json, changes: &Json) -> Json {
    json_patch::merge(&mut review, changes);
    review
}

#[test]
fn a_good_policy_is_let_in_with_its_revision() {
    let (decision, response) = ask(&body(&one(GOOD), None));
    assert_eq!(decision, PolicyReviewDecision::Accepted);
    let source = Source { name: "10-base.yaml".to_owned(), text: file(GOOD) };
    let revision = Policy::load(&[source]).unwrap().policy.revision;
    assert_eq!(response["auditAnnotations"], json!({"decision": "accepted", "revision": revision}));
    assert_eq!(response.get("warnings"), None);
    assert_eq!(response.get("patch"), None);
}

#[test]
fn what_is_odd_is_a_warning() {
    let spec = "  rules:\n  - {name: idle, match: {namespaces: [a]}}\n  defaults: {ttl: 1d}";
    let (decision, response) = ask(&body(&one(spec), None));
    assert_eq!(decision, PolicyReviewDecision::Accepted);
    assert_eq!(warnings(&response), [r#"10-base.yaml:6:12: W106 rule "idle" sets nothing"#]);
}

#[test]
fn of_many_warnings_the_first_are_told() {
    let rules = repeated(300, |number| format!("  - {{name: r{number}, match: {{names: [a]}}}}\n"));
    let (decision, response) = ask(&body(&one(&format!("  rules:\n{rules}")), None));
    let warnings = warnings(&response);
    assert_eq!((decision, warnings.len()), (PolicyReviewDecision::Accepted, 30));
    assert_eq!(
        warnings[29],
        "and over 171 more warnings about this policy: curfew check shows them"
    );
}

#[rstest]
#[case::create(body(&one(BAD), None), PolicyReviewDecision::Refused)]
#[case::update(body(&one(BAD), Some(&one(GOOD))), PolicyReviewDecision::Refused)]
#[case::dry_run(
    changed(body(&one(BAD), None), &json!({"request": {"dryRun": true}})),
    PolicyReviewDecision::Refused
)]
#[case::repair(body(&one(GOOD), Some(&one(BAD))), PolicyReviewDecision::Accepted)]
#[case::another_bad_one(body(&one("  rulez: []"), Some(&one(BAD))), PolicyReviewDecision::Refused)]
#[case::deletion(
    changed(body(&one(BAD), Some(&one(GOOD))), &json!({"request": {"operation": "DELETE"}})),
    PolicyReviewDecision::NotConsidered
)]
#[case::being_deleted(
    changed(
        body(&one(BAD), Some(&one(GOOD))),
        &json!({"request": {"object": {"metadata": {"deletionTimestamp": "2026-11-21T18:00:00Z"}}}}),
    ),
    PolicyReviewDecision::NotConsidered
)]
#[case::another_kind(
    changed(body(&one(BAD), None), &json!({"request": {"kind": {"kind": "Secret"}}})),
    PolicyReviewDecision::NotConsidered
)]
#[case::another_group(
    changed(body(&one(BAD), None), &json!({"request": {"kind": {"group": "x"}}})),
    PolicyReviewDecision::NotConsidered
)]
#[case::subresource(
    changed(body(&one(BAD), None), &json!({"request": {"subResource": "status"}})),
    PolicyReviewDecision::NotConsidered
)]
#[case::newer_version(
    body(&map("1.2.4", &[("a.yaml", "x")]), Some(&one(GOOD))),
    PolicyReviewDecision::OtherVersion
)]
#[case::older_version(
    body(&map("1.2", &[("a.yaml", "x")]), Some(&one(GOOD))),
    PolicyReviewDecision::OtherVersion
)]
#[case::no_labels(body(&json!({"data": {"a.yaml": "x"}}), None), PolicyReviewDecision::OtherVersion)]
#[case::no_labels_null(
    body(&json!({"metadata": {"labels": null}, "data": {"a.yaml": "x"}}), None),
    PolicyReviewDecision::OtherVersion
)]
#[case::from_another_version(
    body(&one(BAD), Some(&map("1.2.2", &[("10-base.yaml", &file(BAD))]))),
    PolicyReviewDecision::Refused
)]
#[case::only_a_label(
    body(
        &changed(one(BAD), &json!({"metadata": {"labels": {"a": "b"}}})),
        Some(&one(BAD)),
    ),
    PolicyReviewDecision::Unchanged
)]
#[case::no_object(body(&json!(null), None), PolicyReviewDecision::Unjudged)]
#[case::data_of_another_type(
    body(&changed(one(GOOD), &json!({"data": {"10-base.yaml": 7}})), None),
    PolicyReviewDecision::Unjudged
)]
#[case::a_job_of_any_shape(
    changed(body(&json!({"data": 7}), None), &json!({"request": {"kind": {"kind": "Job"}}})),
    PolicyReviewDecision::NotConsidered
)]
fn which_edits_are_judged(#[case] review: Json, #[case] expected: PolicyReviewDecision) {
    assert_eq!(ask(&review).0, expected);
}

#[rstest]
#[case::label_lost(
    body(&json!({"data": {"10-base.yaml": "x"}}), Some(&one(GOOD))),
    "curfew checks a policy only if it has the label app.kubernetes.io/version"
)]
#[case::broken_before(
    body(
        &changed(one(BAD), &json!({"metadata": {"labels": {"a": "b"}}})),
        Some(&one(BAD)),
    ),
    "this policy cannot be used: 10-base.yaml:5:14: error[E012] unknown field \"tll\" in \
     defaults; did you mean \"ttl\"?"
)]
#[case::unreadable(
    body(&changed(one(GOOD), &json!({"data": {"10-base.yaml": 7}})), None),
    "curfew did not check this policy: it cannot be read"
)]
fn what_is_not_judged_is_told_where_it_should_be(#[case] review: Json, #[case] expected: &str) {
    assert_eq!(warnings(&ask(&review).1), [expected]);
}

#[test]
fn an_upgrade_is_let_in_without_a_word() {
    let upgraded = map("2.0.0", &[("10-base.yaml", "apiVersion: curfew.dev/v2\n")]);
    let (decision, response) = ask(&body(&upgraded, Some(&one(GOOD))));
    assert_eq!(decision, PolicyReviewDecision::OtherVersion);
    assert_eq!(response["auditAnnotations"], json!({"decision": "other-version"}));
    assert_eq!(response.get("warnings"), None);
}

#[test]
fn the_files_are_those_of_a_folder() {
    let (first, second) = (file("  defaults: {ttl: 1d}"), file("  mode: DryRun"));
    let object = map(
        VERSION,
        &[
            ("20-b.yml", &second),
            ("10-a.yaml", &first),
            ("10-a-test.yaml", "kind: JobPolicyTest"),
            (".hidden.yaml", "{"),
            ("README.md", "{"),
        ],
    );
    let (decision, response) = ask(&body(&object, None));
    assert_eq!((decision, warnings(&response)), (PolicyReviewDecision::Accepted, vec![]));
}
