//! Clients that take their time, and those that merely wait.

use curfew::server::Settings;
use rstest::rstest;
use tokio::time::sleep;

use crate::client::{post, post2};
use crate::harness::{Harness, ms, until};

/// hyper's own time-out for headers fails this: it runs while a connection lies idle.
#[tokio::test]
async fn the_time_for_headers_does_not_cut_idle_connections() {
    let harness = Harness::start(Settings { header_timeout: ms(50), ..Settings::default() }).await;
    let mut client = harness.connect.http1().await.unwrap();
    sleep(ms(250)).await;
    assert_eq!(client.post("fresh").await.unwrap().status, 200);
    sleep(ms(250)).await;
    assert_eq!(client.post("kept alive").await.unwrap().status, 200);
    assert_eq!(harness.rejected("headers_too_slow"), 0);
}

#[tokio::test]
async fn headers_that_trickle_are_cut() {
    let harness = Harness::start(Settings { header_timeout: ms(100), ..Settings::default() }).await;
    let mut client = harness.connect.http1().await.unwrap();
    assert_eq!(client.post("a good one first").await.unwrap().status, 200);
    let start = curfew::clock::instant();
    for byte in post("hello").as_bytes().iter().cycle() {
        if client.write([*byte]).await.is_err() || harness.rejected("headers_too_slow") == 1 {
            break;
        }
        sleep(ms(10)).await;
    }
    assert!(start.elapsed() >= ms(100), "not before the time is up");
    assert!(client.closed().await, "without an answer");
    assert_eq!(harness.rejected("headers_too_slow"), 1);
}

#[tokio::test]
async fn idle_connections_end_some_day() {
    let harness = Harness::start(Settings { idle_timeout: ms(100), ..Settings::default() }).await;
    let (mut fresh, mut used) =
        (harness.connect.http1().await.unwrap(), harness.connect.http1().await.unwrap());
    assert_eq!(used.post("hello").await.unwrap().status, 200);
    assert!(fresh.closed().await);
    assert!(used.closed().await);
    let mut http2 = harness.connect.http2().await.unwrap();
    assert_eq!(post2(&mut http2, "hello").await.unwrap().0, 200);
    until("HTTP/2 ends too", || http2.is_closed()).await;
}

#[rstest]
#[case::stops(false)]
#[case::trickles(true)]
#[tokio::test]
async fn a_body_that_takes_too_long_gets_408(#[case] trickles: bool) {
    let harness = Harness::start(Settings { body_timeout: ms(100), ..Settings::default() }).await;
    let mut client = harness.connect.http1().await.unwrap();
    let request = post(&"x".repeat(1000));
    let (begin, rest) = request.split_at(request.len() - 900);
    client.write(begin).await.unwrap();
    if trickles {
        for byte in rest.bytes() {
            if harness.rejected("body_too_slow") == 1 {
                break;
            }
            let _ = client.write([byte]).await;
            sleep(ms(5)).await;
        }
    }
    let answer = client.read().await.unwrap();
    assert_eq!((answer.status, &*answer.body), (408, "the body took too long\n"));
    assert_eq!(harness.rejected("body_too_slow"), 1);
    assert!(client.closed().await);
}

#[tokio::test]
async fn an_old_connection_is_closed_by_its_answer() {
    let harness = Harness::start(Settings { connection_age: ms(150), ..Settings::default() }).await;
    let mut client = harness.connect.http1().await.unwrap();
    let young = client.post("young").await.unwrap();
    assert!(!young.says_close(), "{}", young.head);
    sleep(ms(200)).await;
    let old = client.post("old").await.unwrap();
    assert_eq!((old.status, old.says_close()), (200, true), "{}", old.head);
    assert!(client.closed().await);
}

#[tokio::test]
async fn an_old_http2_connection_goes_away() {
    let harness = Harness::start(Settings { connection_age: ms(50), ..Settings::default() }).await;
    let mut http2 = harness.connect.http2().await.unwrap();
    until("it goes away", || http2.is_closed()).await;
    post2(&mut http2, "hello").await.unwrap_err();
}
