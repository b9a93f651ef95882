//! Reviews in, answers out: what a real API server sent, and what it never would.

mod neighbours;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use curfew::admission::{Answer, BadReview, Report, Site, admit};
use curfew::policy::{Policy, Source};
use serde_json::{Value as Json, json};

fn policy(text: &str) -> Policy {
    let source = Source { name: "policy.yaml".to_owned(), text: text.to_owned() };
    Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:#?}")).policy
}

fn example() -> Policy {
    policy(include_str!("../fixtures/example.yaml"))
}

fn ask(policy: &Policy, body: &[u8]) -> Result<Answer, BadReview> {
    let site = Site { own_namespace: Some("curfew".to_owned()), ..Site::default() };
    admit(policy, &site, body, "2026-11-21T18:00:00Z".parse().unwrap())
}

fn response(answer: &Answer) -> Json {
    let reply: Json = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(reply["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(reply["kind"], "AdmissionReview");
    assert_eq!(reply["response"]["allowed"], true, "nothing is ever refused");
    reply["response"].clone()
}

fn patch(answer: &Answer) -> Option<json_patch::Patch> {
    let response = response(answer);
    let encoded = response["patch"].as_str();
    assert_eq!(encoded.is_some(), response["patchType"] == "JSONPatch", "both or neither");
    encoded.map(|text| serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap())
}

fn recorded() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/reviews");
    let mut reviews: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    reviews.sort();
    assert_eq!(reviews.len(), 21);
    reviews
}

#[test]
fn recorded_reviews() {
    let policy = example();
    let mut table = String::new();
    for (name, body) in recorded() {
        let answer = ask(&policy, &body).unwrap();
        let sent: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!(response(&answer)["uid"], sent["request"]["uid"]);
        let operations: Vec<String> = patch(&answer)
            .map(|patch| patch.0.iter().map(|operation| format!("    {operation}\n")).collect())
            .unwrap_or_default();
        table.extend([name.as_str(), ": ", answer.report.decision, "\n", &operations.concat()]);
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_patch_applies_and_is_the_last_one() {
    let policy = example();
    for (name, body) in recorded() {
        let Some(patch) = patch(&ask(&policy, &body).unwrap()) else { continue };
        let mut review: Json = serde_json::from_slice(&body).unwrap();
        json_patch::patch(&mut review["request"]["object"], &patch).expect(&name);
        let again = ask(&policy, &serde_json::to_vec(&review).unwrap()).unwrap();
        assert_eq!(self::patch(&again), None, "{name}");
    }
}

fn review(changes: &Json) -> Json {
    let body = &recorded()[2].1;
    let mut review: Json = serde_json::from_slice(body).unwrap();
    json_patch::merge(&mut review, changes);
    review
}

fn ask_json(review: &Json) -> Result<Answer, BadReview> {
    ask(&example(), &serde_json::to_vec(review).unwrap())
}

#[test]
fn audit_annotations_say_what_was_decided() {
    let policy = example();
    let response = response(&ask(&policy, &recorded()[2].1).unwrap());
    assert_eq!(
        response["auditAnnotations"],
        json!({"decision": "patched", "rule": "dev", "revision": policy.revision})
    );
}

#[test]
fn a_dry_run_request_is_answered_like_any_other() {
    let answer = ask_json(&review(&json!({"request": {"dryRun": true}}))).unwrap();
    assert!(answer.report.dry_run);
    assert!(patch(&answer).is_some());
}

#[test]
fn under_mode_dry_run_nothing_is_written_or_warned() {
    let policy =
        policy(&include_str!("../fixtures/example.yaml").replace("mode: Enforce", "mode: DryRun "));
    let body = review(&json!({"request": {"object": {"spec": {"ttlSecondsAfterFinished": 1}}}}));
    let answer = ask(&policy, &serde_json::to_vec(&body).unwrap()).unwrap();
    assert_eq!(answer.report.decision, "dry-run");
    let response = response(&answer);
    assert_eq!((response.get("patch"), response.get("warnings")), (None, None));
}

#[rstest::rstest]
#[case::empty(b"", "empty")]
#[case::blank(b" \n\t", "empty")]
#[case::not_json(b"hello", "json")]
#[case::not_utf8(b"{\"apiVersion\":\"\xff\"}", "json")]
#[case::trailing(br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"} x"#, "json")]
#[case::truncated(br#"{"apiVersion":"admission.k8s.io/v1","kind":"Admis"#, "truncated")]
#[case::another_version(
    br#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#,
    "version"
)]
#[case::no_version(br#"{"kind":"AdmissionReview"}"#, "version")]
#[case::another_kind(br#"{"apiVersion":"admission.k8s.io/v1","kind":"Job"}"#, "kind")]
#[case::no_request(br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#, "request")]
#[case::no_uid(
    br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}"#,
    "uid"
)]
#[case::request_of_another_type(
    br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":7}"#,
    "json"
)]
fn what_is_no_review_is_refused(#[case] body: &[u8], #[case] reason: &str) {
    let error = ask(&example(), body).unwrap_err();
    assert_eq!(error.reason, reason, "{error}");
}

#[test]
fn every_truncation_of_a_review_is_refused_or_answered() {
    let policy = example();
    let body = &recorded()[17].1;
    for end in 0..body.trim_ascii_end().len() {
        assert!(ask(&policy, &body[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let body = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","options":{deep}}}}}"#
        );
        assert_eq!(ask(&example(), body.as_bytes()).unwrap_err().reason, "depth");
    }
}

#[test]
fn brackets_in_strings_are_not_nesting() {
    let body = review(&json!({"request": {"object": {"metadata": {"annotations": {
        "notes": "[".repeat(10_000), "quoted": "\\\"{".repeat(1000),
    }}}}}));
    assert!(ask_json(&body).is_ok());
}

#[rstest::rstest]
#[case::object_null(json!({"object": null}))]
#[case::spec_is_a_string(json!({"object": {"spec": "soon"}}))]
#[case::spec_missing(json!({"object": {"spec": null}}))]
#[case::metadata_missing(json!({"object": {"metadata": null}}))]
#[case::labels_are_numbers(json!({"object": {"metadata": {"labels": {"environment": 5}}}}))]
#[case::ttl_is_text(json!({"object": {"spec": {"ttlSecondsAfterFinished": "300"}}}))]
#[case::ttl_is_a_fraction(json!({"object": {"spec": {"ttlSecondsAfterFinished": 1.5}}}))]
#[case::metadata_is_a_list(json!({"object": {"metadata": []}}))]
#[case::cronjob_without_a_template(json!({"kind": {"kind": "CronJob"}}))]
fn what_cannot_be_judged_is_allowed_with_a_warning(#[case] request: Json) {
    let answer = ask_json(&review(&json!({ "request": request }))).unwrap();
    assert!(answer.report.unjudged.is_some());
    assert_eq!(answer.report.decision, "unjudged");
    assert_eq!(patch(&answer), None);
    assert_eq!(response(&answer)["warnings"].as_array().unwrap().len(), 1);
}

#[rstest::rstest]
#[case::delete(json!({"operation": "DELETE", "object": null}))]
#[case::connect(json!({"operation": "CONNECT"}))]
#[case::subresource(json!({"subResource": "status"}))]
#[case::another_kind(json!({"kind": {"group": "", "version": "v1", "kind": "Pod"}}))]
#[case::another_version(json!({"kind": {"version": "v2"}}))]
#[case::a_pod_of_any_shape(json!({"kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": {"spec": 7}}))]
fn what_is_not_ours_is_allowed_in_silence(#[case] request: Json) {
    let answer = ask_json(&review(&json!({ "request": request }))).unwrap();
    assert_eq!(answer.report.decision, "never-considered");
    assert_eq!(response(&answer).get("warnings"), None);
    assert_eq!(patch(&answer), None);
}

#[rstest::rstest]
#[case::negative(-1)]
#[case::beyond_int32(4_294_967_296)]
fn a_ttl_that_the_api_refuses_is_left_to_it(#[case] ttl: i64) {
    let body = review(&json!({"request": {"object": {"spec": {"ttlSecondsAfterFinished": ttl}}}}));
    assert_eq!(patch(&ask_json(&body).unwrap()), None);
}

#[test]
fn a_nameless_job_is_matched_by_its_prefix() {
    let body = review(&json!({"request": {"name": null, "object": {"metadata":
        {"name": null, "generateName": "batch-processor-", "labels": null}}}}));
    let answer = ask_json(&body).unwrap();
    assert_eq!(answer.report.name, "batch-processor-");
    assert_eq!(answer.report.rules, [("ttl", "bulk-batch".to_owned())]);
}

#[test]
fn a_missing_namespace_is_the_objects() {
    let body = review(&json!({"request": {"namespace": null, "object": {"metadata":
        {"namespace": "team-b"}}}}));
    assert_eq!(ask_json(&body).unwrap().report.rules, [("ttl", "team-b-immediate".to_owned())]);
}

#[rstest::rstest]
#[case::malformed("{")]
#[case::forged(r#"{"ttl":[300,-1,"dev"]}"#)]
#[case::oversized(&"x".repeat(5000))]
fn an_annotation_of_ours_that_is_not_ours_is_replaced(#[case] text: &str) {
    let body = review(&json!({"request": {"object": {"metadata": {"annotations":
        {"curfew.dev/applied": text}}}}}));
    let patch = patch(&ask_json(&body).unwrap()).unwrap();
    let mut object = body["request"]["object"].clone();
    json_patch::patch(&mut object, &patch).unwrap();
    assert_eq!(
        object["metadata"]["annotations"]["curfew.dev/applied"],
        r#"{"ttl":[300,null,"dev"]}"#
    );
}

#[test]
fn audit_names_each_rule_once() {
    let policy = policy(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  \
         - {name: aa, match: {kinds: [CronJob]}, ttl: 1h, deadlines: {active: 1h}}\n  \
         - {name: bb, match: {namespaces: [rec]}, history: {successful: 9}}\n",
    );
    let response = response(&ask(&policy, &recorded()[1].1).unwrap());
    assert_eq!(response["auditAnnotations"]["rule"], "aa,bb");
}

/// An answer must not cost more than the question: what came is quoted in part.
#[rstest::rstest]
#[case::version(r#"{"apiVersion":"LONG","kind":"AdmissionReview"}"#, "version")]
#[case::kind(r#"{"apiVersion":"admission.k8s.io/v1","kind":"LONG"}"#, "kind")]
#[case::wrong_type(
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":"LONG"}"#,
    "json"
)]
#[case::uid(
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"LONG"}}"#,
    "uid"
)]
fn what_is_long_is_quoted_in_part(#[case] body: &str, #[case] reason: &str) {
    for long in ["x".repeat(1 << 20), "\u{1}é".repeat(1 << 18).replace('\u{1}', "\\u0001")] {
        let bad = ask(&example(), body.replace("LONG", &long).as_bytes()).unwrap_err();
        assert_eq!(bad.reason, reason);
        assert!(bad.message.len() <= 210, "{}", bad.message.len());
    }
}

/// The same of an object that is judged: what is logged, counted and answered stays short.
#[test]
fn what_an_object_is_called_is_told_in_part() {
    let long = "x".repeat(1 << 20);
    let object = json!({
        "metadata": {"name": long, "ownerReferences": [
            {"apiVersion": format!("{long}/v1"), "kind": long, "name": long, "uid": "u"}]},
        "spec": {"ttlSecondsAfterFinished": 86_400},
    });
    let review = |object: &Json| {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "operation": "CREATE", "namespace": long, "name": long,
            "kind": {"group": "batch", "version": "v1", "kind": "Job"}, "object": object,
        }})
    };
    for object in
        [object, json!({"spec": {"ttlSecondsAfterFinished": long}}), json!({"metadata": long})]
    {
        let answer = ask(&example(), review(&object).to_string().as_bytes()).unwrap();
        let Report { name, namespace, unjudged, guarded, .. } = &answer.report;
        let told = name.len() + namespace.len() + unjudged.as_ref().map_or(0, String::len);
        assert!(told + guarded.len() + answer.body.len() < 3000, "{:?}", answer.report);
    }
}
