use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use kube::Client;
use kube::client::Body;
use rstest::rstest;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{CallError, Change, Gate, Target, WriteOutcome, Writer, retry_after};
use crate::batch::Kind;
use crate::cluster::pace::Rate;
use crate::policy::rule::Propagation;

fn target() -> Target {
    let text = str::to_owned;
    Target {
        kind: Kind::Job,
        namespace: text("team-a"),
        name: text("one"),
        uid: text("u-1"),
        version: text("77"),
    }
}

/// What was asked of the API server: method, path, content type and body.
type Asked = Arc<Mutex<Vec<(String, String, String, Value)>>>;

/// A writer to an API server that gives one answer, or none.
fn writer(answer: Option<(u16, Value)>, over: CancellationToken) -> (Writer, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (log, answer) = (Arc::clone(&log), answer.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let content = head.headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
            let body = serde_json::from_slice(&body).unwrap();
            let line = (head.method.to_string(), head.uri.to_string(), content, body);
            log.lock().unwrap().push(line);
            match answer {
                Some((status, body)) => {
                    let body = Body::from(body.to_string().into_bytes());
                    Ok::<_, std::io::Error>(Response::builder().status(status).body(body).unwrap())
                }
                None => std::future::pending().await,
            }
        }
    });
    let gate = Gate::new(Rate::new(10_000));
    (Writer::new(Client::new(service, "default"), gate, over), asked)
}

#[rstest]
#[case::delete(
    Change::Delete(Propagation::Background),
    ("DELETE", "", "application/json"),
    json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        "preconditions": {"uid": "u-1", "resourceVersion": "77"}}),
)]
#[case::delete_foreground(
    Change::Delete(Propagation::Foreground),
    ("DELETE", "", "application/json"),
    json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u-1", "resourceVersion": "77"}}),
)]
#[case::json_patch(
    Change::Json(serde_json::from_value(
        json!([{"op": "remove", "path": "/spec/ttlSecondsAfterFinished"}])
    ).unwrap()),
    ("PATCH", "?fieldManager=curfew", "application/json-patch+json"),
    json!([
        {"op": "add", "path": "/metadata/uid", "value": "u-1"},
        {"op": "add", "path": "/metadata/resourceVersion", "value": "77"},
        {"op": "remove", "path": "/spec/ttlSecondsAfterFinished"},
    ]),
)]
#[case::merge_patch(
    Change::Merge(json!({
        "spec": {"ttlSecondsAfterFinished": null},
        "metadata": {"annotations": {"a": "b"}, "resourceVersion": "forged"},
    })),
    ("PATCH", "?fieldManager=curfew", "application/merge-patch+json"),
    json!({
        "spec": {"ttlSecondsAfterFinished": null},
        "metadata": {"annotations": {"a": "b"}, "uid": "u-1", "resourceVersion": "77"},
    }),
)]
#[tokio::test]
async fn every_call_names_the_object_that_was_judged(
    #[case] change: Change,
    #[case] (method, query, content): (&str, &str, &str),
    #[case] body: Value,
) {
    let (writer, asked) = writer(Some((200, json!({}))), CancellationToken::new());
    assert_eq!(writer.write(&target(), &change).await, WriteOutcome::Done);
    let path = format!("/apis/batch/v1/namespaces/team-a/jobs/one{query}");
    let asked = asked.lock().unwrap();
    assert_eq!(*asked, [(method.to_owned(), path, content.to_owned(), body)]);
}

#[rstest]
#[case::gone(404, json!({"message": "not found"}), "gone")]
#[case::changed(409, json!({}), "changed")]
#[case::may_not(403, json!({"message": "no"}), "refused")]
#[case::not_known(401, json!({}), "refused")]
#[case::too_many(429, json!({}), "retry")]
#[case::broken(500, json!("no status at all"), "retry")]
#[case::starting(503, json!({}), "retry")]
#[case::makes_no_sense(422, json!({"message": "missing path"}), "failed")]
#[case::moved(301, json!({}), "failed")]
#[tokio::test]
async fn an_answer_leaves_one_thing_to_do(
    #[case] status: u16,
    #[case] body: Value,
    #[case] outcome: &str,
) {
    let (writer, _) = writer(Some((status, body)), CancellationToken::new());
    let change = Change::Delete(Propagation::Background);
    assert_eq!(writer.write(&target(), &change).await.as_str(), outcome);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_no_outcome_and_slows_down() {
    let (writer, _) = writer(None, CancellationToken::new());
    let before = writer.gate.concurrency();
    let outcome = writer.write(&target(), &Change::Delete(Propagation::Background)).await;
    assert_eq!(outcome.as_str(), "retry");
    assert!(writer.gate.concurrency() < before);
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_once_the_term_is_over() {
    let over = CancellationToken::new();
    let (writer, asked) = writer(Some((200, json!({}))), over.clone());
    let change = Change::Delete(Propagation::Background);
    // Slow enough that the second one waits for its turn.
    writer.gate.set_rate(Rate::new(1));
    assert_eq!(writer.write(&target(), &change).await, WriteOutcome::Done);
    let waiting = tokio::spawn({
        let writer = writer.clone();
        async move { writer.write(&target(), &Change::Delete(Propagation::Background)).await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    over.cancel();
    assert_eq!(waiting.await.unwrap(), WriteOutcome::Stopped);
    assert_eq!(writer.write(&target(), &change).await, WriteOutcome::Stopped);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[rstest]
#[case::seconds("7", Some(7))]
#[case::date("Sat, 21 Nov 2026 19:20:41 GMT", Some(10))]
#[case::past("Sat, 21 Nov 2026 19:20:01 GMT", Some(0))]
#[case::nonsense("soon", None)]
#[case::negative("-1", None)]
fn retry_after_is_seconds_or_a_date(#[case] text: &str, #[case] seconds: Option<u64>) {
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap());
    let date = HeaderValue::from_static("Sat, 21 Nov 2026 19:20:31 GMT");
    headers.insert(header::DATE, date);
    assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs));
}

#[test]
fn the_status_may_say_when_to_come_again() {
    let body = json!({"details": {"retryAfterSeconds": 3}}).to_string();
    let outcome =
        WriteOutcome::from(CallError::new(StatusCode::TOO_MANY_REQUESTS, None, body.as_bytes()));
    assert!(
        matches!(outcome, WriteOutcome::Retry { after: Some(after), .. } if after.as_secs() == 3)
    );
}
