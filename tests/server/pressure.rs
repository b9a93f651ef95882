//! Callers who hold something back, and the others, who must not notice.

use std::time::Duration;

use curfew::server::Settings;
use curfew::server::health::Admin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::client::{Http1, PATIENCE, get, post, post_to};
use crate::harness::{Harness, ms, until};

/// A request of which the last byte is missing.
async fn stalled(harness: &Harness, path: &str, bytes: usize) -> Http1 {
    let mut client = harness.connect.http1().await.unwrap();
    let request = post_to(path, &"x".repeat(bytes));
    client.write(&request[..request.len() - 1]).await.unwrap();
    client
}

/// So many of them, each on a connection of its own, for long enough to be slow.
async fn all_stalled(harness: &Harness, path: &str, bytes: usize, count: usize) -> Vec<Http1> {
    let mut slow = Vec::new();
    for _ in 0..count {
        slow.push(stalled(harness, path, bytes).await);
    }
    sleep(SLOW).await;
    slow
}

/// So many others post one after the other, and all are answered.
async fn others_post(harness: &Harness, body: &str, count: usize) {
    for _ in 0..count {
        assert_eq!(harness.connect.post(body).await.unwrap().status, 200);
    }
}

/// Longer than a body usually takes; whoever is not through by then is slow.
const SLOW: Duration = ms(400);

#[tokio::test]
async fn who_holds_a_body_back_goes_for_who_sends_one() {
    let settings = Settings { body_budget: 4_000, ..Settings::default() };
    let harness = Harness::start(settings).await;
    let mut slow = all_stalled(&harness, "/mutate", 990, 4).await;
    others_post(&harness, &"x".repeat(300), 20).await;
    let answer = slow[0].read().await.unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        "too much is waiting, and this request was slow or large: it was not looked at\n"
    );
    assert!(!answer.head.contains("retry-after"), "{}", answer.head);
    assert_eq!(harness.rejected("displaced"), 1, "no more than there must");
}

#[tokio::test]
async fn headers_alone_keep_nobody_out() {
    let settings = Settings { requests: 8, ..Settings::default() };
    let harness = Harness::start(settings).await;
    let _heads = all_stalled(&harness, "/mutate", 1, 20).await;
    others_post(&harness, "hello", 20).await;
}

#[tokio::test]
async fn a_client_that_goes_away_gives_everything_back() {
    let settings = Settings { body_timeout: ms(60_000), ..Settings::default() };
    let harness = Harness::start(settings).await;
    drop(stalled(&harness, "/mutate", 5).await);
    until("it is counted", || harness.rejected("aborted") == 1).await;
}

#[tokio::test]
async fn reviews_of_the_policy_take_no_turn_of_others() {
    let settings = Settings {
        body_budget: 1_000,
        requests: 1,
        policy_review_requests: 4,
        ..Settings::default()
    };
    let harness = Harness::start(settings).await;
    let mut policies = all_stalled(&harness, "/guard", 5_000, 4).await;
    others_post(&harness, &"x".repeat(900), 5).await;
    assert_eq!(harness.rejected("displaced"), 0);
    for policy in &mut policies {
        policy.write("x").await.unwrap();
        assert_eq!(policy.read().await.unwrap().status, 400, "it is read, and is no review");
    }
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let settings = Settings { connections: 8, ..Settings::default() };
    let harness = Harness::start(settings).await;
    let mut mine = harness.connect.http1().await.unwrap();
    assert_eq!(mine.post("hello").await.unwrap().status, 200);
    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(harness.connect.http1().await.unwrap());
        assert_eq!(harness.connect.post("a new caller").await.unwrap().status, 200);
    }
    assert_eq!(mine.post("kept alive").await.unwrap().status, 200, "who was used stays");
    assert!(silent[0].closed().await, "the first silent one went");
    assert!(harness.failed("too_many_connections") >= 22);
}

#[tokio::test]
async fn the_plain_port_is_bounded_and_answers() {
    let harness = Harness::start(Settings::default()).await;
    let settings = Settings { admin_connections: 8, ..Settings::default() };
    let address = "127.0.0.1:0".parse().unwrap();
    let metrics = harness.metrics.clone();
    let admin = Admin::bind(address, settings, metrics, Vec::new()).await.unwrap();
    let address = admin.address().unwrap();
    let running = tokio::spawn(admin.run());
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(get(address, "/livez").await.unwrap().status, 200);
    let mut closed = 0;
    for stream in &mut silent {
        // Who is still in hears nothing.
        let read = timeout(ms(20), stream.read(&mut [0])).await;
        closed += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!(closed >= 92, "{closed} of 100 were closed");
    running.abort();
}

/// The answer is larger than what the kernel takes for a client that reads nothing.
#[tokio::test]
async fn an_answer_that_nobody_reads_has_an_end() {
    let settings = Settings { answer_timeout: ms(200), ..Settings::default() };
    let harness = Harness::start(settings).await;
    let mut stream = harness.connect.tls("http/1.1").await.unwrap();
    stream.write_all(post(&"x".repeat(8 << 20)).as_bytes()).await.unwrap();
    until("it is cut", || harness.rejected("answer_not_read") == 1).await;
}

/// The same under HTTP/2, where a client can keep any answer from being sent.
#[tokio::test]
async fn an_answer_without_a_window_has_an_end() {
    let settings = Settings { answer_timeout: ms(200), ..Settings::default() };
    let harness = Harness::start(settings).await;
    let mut stream = harness.connect.tls("h2").await.unwrap();
    let frame = |kind: u8, flags: u8, id: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat()
    };
    let header = |name: &str, value: &str| {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        [&[0], &*text(name), &*text(value)].concat()
    };
    let headers = [
        header(":method", "POST"),
        header(":scheme", "https"),
        header(":authority", "localhost"),
        header(":path", "/mutate"),
        header("content-type", "application/json"),
    ]
    .concat();
    let request = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        // An initial window of no bytes.
        frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]),
        frame(1, 4, 1, &headers),
        frame(0, 1, 1, b"hello"),
    ];
    stream.write_all(&request.concat()).await.unwrap();
    until("it is cut", || harness.rejected("answer_not_read") == 1).await;
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is closed");
}
