//! Stopping: nobody loses a call.

use curfew::server::{Phase, Settings};

use crate::client::{post, post2};
use crate::harness::{Harness, ms, until};

#[tokio::test]
async fn draining_serves_on_and_asks_to_leave() {
    let harness = Harness::start(Settings::default()).await;
    let mut open = harness.connect.http1().await.unwrap();
    let mut http2 = harness.connect.http2().await.unwrap();
    assert!(!open.post("before").await.unwrap().says_close());
    assert_eq!(post2(&mut http2, "before").await.unwrap().0, 200);
    harness.phase.send_replace(Phase::Draining);

    let answer = open.post("after").await.unwrap();
    assert_eq!((answer.status, answer.says_close()), (200, true), "{}", answer.head);
    assert!(open.closed().await);
    until("GOAWAY comes", || http2.is_closed()).await;

    let answer = harness.connect.post("new").await.unwrap();
    assert_eq!((answer.status, answer.says_close()), (200, true), "{}", answer.head);
    let mut http2 = harness.connect.http2().await.unwrap();
    assert_eq!(post2(&mut http2, "new").await.unwrap().0, 200);
}

#[tokio::test]
async fn what_is_in_flight_when_stopping_begins_is_answered() {
    let mut harness = Harness::start(Settings::default()).await;
    let mut busy = harness.connect.http1().await.unwrap();
    let request = post("hello");
    let (begin, end) = request.split_at(request.len() - 1);
    busy.write(begin).await.unwrap();
    let mut idle = harness.connect.http1().await.unwrap();
    assert_eq!(idle.post("hello").await.unwrap().status, 200);
    let mut fresh = harness.connect.http1().await.unwrap();
    // A round trip later all of them are known to the server.
    assert_eq!(harness.connect.post("hello").await.unwrap().status, 200);
    harness.phase.send_replace(Phase::Stopping);

    for client in [&mut fresh, &mut idle] {
        let answer = client.post("late").await.unwrap();
        assert_eq!((answer.status, answer.says_close()), (200, true), "it was on its way");
    }
    harness.connect.http1().await.err().expect("nobody new gets in");
    busy.write(end).await.unwrap();
    let answer = busy.read().await.unwrap();
    assert_eq!((answer.status, answer.says_close()), (200, true), "{}", answer.head);
    assert_eq!((&mut harness.running).await.unwrap(), 0, "nothing was cut off");
}

#[tokio::test]
async fn stopping_has_an_end() {
    let settings = Settings { stop_timeout: ms(100), ..Settings::default() };
    let mut harness = Harness::start(settings).await;
    let mut busy = harness.connect.http1().await.unwrap();
    let request = post("hello");
    busy.write(&request[..request.len() - 1]).await.unwrap();
    assert_eq!(harness.connect.post("hello").await.unwrap().status, 200);
    harness.phase.send_replace(Phase::Stopping);
    assert_eq!((&mut harness.running).await.unwrap(), 1);
}

#[tokio::test]
async fn silent_connections_do_not_hold_up_stopping() {
    let settings = Settings { last_request_timeout: ms(50), ..Settings::default() };
    let mut harness = Harness::start(settings).await;
    let mut silent = harness.connect.http1().await.unwrap();
    let mut idle = harness.connect.http1().await.unwrap();
    assert_eq!(idle.post("hello").await.unwrap().status, 200);
    harness.phase.send_replace(Phase::Stopping);
    assert!(silent.closed().await);
    assert!(idle.closed().await);
    assert_eq!((&mut harness.running).await.unwrap(), 0);
}
