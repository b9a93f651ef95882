//! Requests that are no reviews, and more of them than fit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use curfew::server::{Judge, Settings};
use rstest::rstest;

use crate::client::post2;
use crate::harness::{Harness, With, echo, ms, until};

const JSON: &str = "content-type: application/json";

#[rstest]
#[case::another_path(
    "POST /",
    JSON,
    404,
    "/ is not here: admission reviews go to /mutate, those of the policy to /guard",
    "not_found"
)]
#[case::a_longer_path(
    "POST /mutate/",
    JSON,
    404,
    "/mutate/ is not here: admission reviews go to /mutate, those of the policy to /guard",
    "not_found"
)]
#[case::another_method(
    "PUT /mutate",
    JSON,
    405,
    "PUT is not answered here: expected POST",
    "method"
)]
#[case::no_content_type(
    "POST /mutate",
    "x: y",
    415,
    "the content type is absent: expected application/json",
    "content_type"
)]
#[case::another_content_type(
    "POST /mutate",
    "content-type: application/yaml",
    415,
    "the content type is application/yaml: expected application/json",
    "content_type"
)]
#[case::almost_json(
    "POST /mutate",
    "content-type: application/json-patch+json",
    415,
    "the content type is application/json-patch+json: expected application/json",
    "content_type"
)]
#[case::not_a_review("POST /mutate", JSON, 400, "line 1: no JSON", "not_json")]
#[tokio::test]
async fn errors_say_what_is_wrong(
    #[case] line: &str,
    #[case] header: &str,
    #[case] status: u16,
    #[case] text: &str,
    #[case] reason: &str,
) {
    let harness = Harness::start(Settings::default()).await;
    let mut client = harness.connect.http1().await.unwrap();
    client
        .write(format!("{line} HTTP/1.1\r\nhost: x\r\n{header}\r\ncontent-length: 3\r\n\r\nbad"))
        .await
        .unwrap();
    let answer = client.read().await.unwrap();
    assert_eq!((answer.status, answer.body), (status, format!("{text}\n")));
    assert_eq!(answer.head.contains("allow: post"), status == 405, "{}", answer.head);
    assert!(!answer.head.contains("retry-after"), "{}", answer.head);
    assert_eq!(harness.rejected(reason), 1);
}

#[rstest]
#[case::charset("Application/JSON; charset=utf-8")]
#[case::blank("application/json ")]
#[tokio::test]
async fn json_in_other_words(#[case] kind: &str) {
    let harness = Harness::start(Settings::default()).await;
    let mut client = harness.connect.http1().await.unwrap();
    let head = format!("POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}");
    client.write(format!("{head}\r\ncontent-length: 5\r\n\r\nhello")).await.unwrap();
    assert_eq!(client.read().await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_one_request() {
    let harness = Harness::start(Settings::default()).await;
    let mut client = harness.connect.http1().await.unwrap();
    let answer = client.post("panic").await.unwrap();
    let text = "curfew failed while it looked at the review: this is a bug, see its log\n";
    assert_eq!((answer.status, &*answer.body), (500, text));
    assert_eq!(client.post("hello").await.unwrap().status, 200, "even on the same connection");
    assert_eq!(harness.rejected("panic"), 1);

    let mut http2 = harness.connect.http2().await.unwrap();
    assert_eq!(post2(&mut http2, "panic").await.unwrap().0, 500);
    assert_eq!(post2(&mut http2, "hello").await.unwrap().0, 200);
}

#[rstest]
#[case::announced("content-length: 9437184", "")]
#[case::in_chunks("transfer-encoding: chunked", "900000\r\n")]
#[tokio::test]
async fn nine_mebibytes_are_too_many(#[case] header: &str, #[case] chunk: &str) {
    let harness = Harness::start(Settings::default()).await;
    let mut client = harness.connect.http1().await.unwrap();
    let head = format!("POST /mutate HTTP/1.1\r\nhost: x\r\n{JSON}\r\n{header}\r\n\r\n{chunk}");
    client.write(head).await.unwrap();
    let piece = vec![b' '; 1 << 20];
    for _ in 0..9 {
        if client.write(&piece).await.is_err() {
            // It has shut its side and waited long enough: the answer is here.
            break;
        }
    }
    let answer = client.read().await.unwrap();
    assert_eq!((answer.status, &*answer.body), (413, "the body is over 8388608 bytes\n"));
    assert_eq!(harness.rejected("too_large"), 1);
}

/// A reset while a client still sends would throw away the answer that it has not read yet.
#[tokio::test]
async fn who_still_sends_when_the_answer_comes_is_not_reset() {
    let harness = Harness::start(Settings::default()).await;
    let mut client = harness.connect.http1().await.unwrap();
    let head =
        format!("POST /mutate HTTP/1.1\r\nhost: x\r\n{JSON}\r\ncontent-length: 9437184\r\n\r\n");
    client.write(head).await.unwrap();
    for _ in 0..20 {
        client.write([b' '; 1024]).await.expect("it is still listening");
        tokio::time::sleep(ms(10)).await;
    }
    assert_eq!(client.read().await.unwrap().status, 413);
}

#[tokio::test]
async fn eight_mebibytes_are_not() {
    let harness = Harness::start(Settings::default()).await;
    let body = "x".repeat(8 << 20);
    let answer = harness.connect.post(&body).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 8 << 20));
    let mut http2 = harness.connect.http2().await.unwrap();
    let (status, answer) = post2(&mut http2, &body).await.unwrap();
    assert_eq!((status, answer.len()), (200, 8 << 20));
    let (status, answer) = post2(&mut http2, &"x".repeat(9 << 20)).await.unwrap();
    assert_eq!((status, &*answer), (413, "the body is over 8388608 bytes\n"));
}

/// A body that takes long to judge holds no worker: here the only one answers others meanwhile. How
/// many are judged at once is bounded, and the others wait.
#[tokio::test]
async fn a_large_body_keeps_nobody_waiting() {
    let (begun, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let judge = {
        let (begun, release) = (Arc::clone(&begun), Arc::clone(&release));
        move |body: &[u8]| {
            if body.len() >= 1000 {
                begun.fetch_add(1, Ordering::SeqCst);
                release.wait();
            }
            echo(body)
        }
    };
    let settings = Settings { large_body: 1000, large_bodies: 1, ..Settings::default() };
    let judge: Option<Arc<Judge>> = Some(Arc::new(judge));
    let harness = Harness::with(With { settings, judge, ..With::default() }).await;
    let send = || {
        let connect = harness.connect.clone();
        tokio::spawn(async move { connect.post(&"x".repeat(1000)).await.unwrap().status })
    };
    let (one, two) = (send(), send());
    until("one is being judged", || begun.load(Ordering::SeqCst) == 1).await;
    for _ in 0..20 {
        assert_eq!(harness.connect.post(&"x".repeat(999)).await.unwrap().status, 200);
    }
    assert_eq!(begun.load(Ordering::SeqCst), 1, "the other one waits for its turn");
    for _ in 0..2 {
        let release = Arc::clone(&release);
        tokio::task::spawn_blocking(move || release.wait()).await.unwrap();
    }
    assert_eq!((one.await.unwrap(), two.await.unwrap()), (200, 200));
    assert_eq!(begun.load(Ordering::SeqCst), 2);
}
