//! Reviews of the policy itself, on the route beside that of Jobs.

use curfew::server::Settings;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::client::{PATIENCE, post_to};
use crate::harness::Harness;

const JSON: &str = "content-type: application/json";

fn review(text: &str) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "7",
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "operation": "CREATE",
            "object": {
                "metadata": {"labels": {"app.kubernetes.io/version": env!("CARGO_PKG_VERSION")}},
                "data": {"10-base.yaml": text},
            },
        },
    })
    .to_string()
}

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: p}}\nspec: {{{spec}}}\n"
    )
}

/// What takes the larger part of a second to read.
fn large() -> String {
    let globs: Vec<String> = (0..60_000).map(|number| format!("n{number}-*")).collect();
    policy(&format!("exempt: {{namespaces: [{}]}}", globs.join(",")))
}

#[tokio::test]
async fn good_and_bad_policies_are_answered_and_counted() {
    let harness = Harness::start(Settings::default()).await;
    let mut client = harness.connect.http1().await.unwrap();
    for (text, allowed, decision) in [
        (policy("mode: DryRun"), true, "accepted"),
        (policy("mode: Sometimes"), false, "refused"),
        (policy("mode: Never"), false, "refused"),
    ] {
        let answer = client.post_policy_review(&review(&text)).await.unwrap();
        assert_eq!(answer.status, 200, "also where it is refused");
        assert!(answer.head.contains(JSON), "{}", answer.head);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer["response"]["uid"], "7");
        assert_eq!(answer["response"]["allowed"], allowed);
        assert_eq!(answer["response"]["auditAnnotations"]["decision"], decision);
    }
    let count = |decision: &str| {
        harness.metric(&format!("curfew_policy_guard_requests_total{{decision=\"{decision}\"}}"))
    };
    assert_eq!((count("accepted"), count("refused")), (1, 2));
    let jobs = harness.metrics.text();
    assert!(!jobs.contains("curfew_admission_requests_total{"), "these are no reviews of Jobs");
}

#[rstest]
#[case::a_longer_path("POST /guard/", JSON, 3, 404, "not_found")]
#[case::another_method("GET /guard", JSON, 3, 405, "method")]
#[case::another_content_type("POST /guard", "content-type: text/plain", 3, 415, "content_type")]
#[case::not_a_review("POST /guard", JSON, 3, 400, "json")]
#[case::too_large("POST /guard", JSON, 9 << 20, 413, "too_large")]
#[tokio::test]
async fn the_limits_are_those_of_the_other_route(
    #[case] line: &str,
    #[case] header: &str,
    #[case] length: usize,
    #[case] status: u16,
    #[case] reason: &str,
) {
    let harness = Harness::start(Settings::default()).await;
    let mut client = harness.connect.http1().await.unwrap();
    let head = format!("{line} HTTP/1.1\r\nhost: x\r\n{header}\r\ncontent-length: {length}");
    client.write(format!("{head}\r\n\r\nbad")).await.unwrap();
    assert_eq!(client.read().await.unwrap().status, status);
    assert_eq!(harness.rejected(reason), 1);
}

/// There is one thread here for everything that waits, and a large policy is not read on it.
#[tokio::test]
async fn a_large_policy_keeps_no_job_waiting() {
    let harness = Harness::start(Settings::default()).await;
    let (done, mut order) = mpsc::unbounded_channel();
    let body = review(&large());
    for _ in 0..2 {
        let (connect, done, body) = (harness.connect.clone(), done.clone(), body.clone());
        tokio::spawn(async move {
            let mut client = connect.http1().await.unwrap();
            client.write(post_to("/guard", &body)).await.unwrap();
            done.send("sent").unwrap();
            assert_eq!(client.read().await.unwrap().status, 200);
            done.send("policy").unwrap();
        });
    }
    for _ in 0..2 {
        assert_eq!(order.recv().await, Some("sent"));
    }
    let mut client = harness.connect.http1().await.unwrap();
    for _ in 0..5 {
        assert_eq!(client.post("hello").await.unwrap().status, 200);
    }
    done.send("jobs").unwrap();
    let mut next = async || tokio::time::timeout(PATIENCE, order.recv()).await.unwrap().unwrap();
    assert_eq!([next().await, next().await, next().await], ["jobs", "policy", "policy"]);
}
