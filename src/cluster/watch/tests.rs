use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::Stream;
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use kube::runtime::watcher::Event;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::fold::Fold;
use super::{Health, Index, State, follow};
use crate::cluster::slim::{Decoder, Keep, Key, Slim, Wire};

/// A `ConfigMap` of which nothing is kept but one number: it must have one.
#[derive(Clone, Debug, PartialEq)]
struct Numbered {
    key: Key,
    number: u64,
}

impl Slim for Numbered {
    type Like = k8s_openapi::api::core::v1::ConfigMap;

    fn decode(json: &str, _: &mut Decoder) -> Result<Self, String> {
        let json: Value = serde_json::from_str(json).unwrap();
        let text = |name: &str| json["metadata"][name].as_str().unwrap_or_default().to_owned();
        let key = Key { namespace: String::new(), name: text("name"), uid: text("uid") };
        let number = json["data"]["number"].as_u64().ok_or("it has no number")?;
        Ok(Self { key, number })
    }

    fn key(&self) -> Key {
        self.key.clone()
    }
}

/// What an index was told last, by name; and how often it was reset.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<(BTreeMap<String, u64>, usize)>>);

impl Seen {
    fn numbers(&self) -> Vec<(String, u64)> {
        self.0.lock().unwrap().0.clone().into_iter().collect()
    }

    fn resets(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Index<Numbered> for Seen {
    fn apply(&mut self, object: &Arc<Numbered>) {
        self.0.lock().unwrap().0.insert(object.key.name.clone(), object.number);
    }

    fn delete(&mut self, key: &Key) {
        self.0.lock().unwrap().0.remove(&key.name);
    }

    fn reset(&mut self, objects: &[Arc<Numbered>], _: &Arc<Keep>) {
        let objects = objects.iter().map(|one| (one.key.name.clone(), one.number)).collect();
        let mut seen = self.0.lock().unwrap();
        *seen = (objects, seen.1 + 1);
    }
}

fn object(name: &str, number: &Value) -> Value {
    json!({
        "metadata": {"name": name, "uid": name, "resourceVersion": "7"},
        "data": {"number": number},
    })
}

fn wire(name: &str, number: u64) -> Wire<Numbered> {
    serde_json::from_value(object(name, &json!(number))).unwrap()
}

fn broken(name: &str) -> Wire<Numbered> {
    serde_json::from_value(object(name, &json!("seven"))).unwrap()
}

/// Feeds events; gives what the index then holds, its resets, and the health.
fn fed(events: Vec<Event<Wire<Numbered>>>) -> (Vec<(String, u64)>, usize, Health) {
    let (seen, (health, _)) = (Seen::default(), watch::channel(Health::default()));
    let mut fold = Fold::new(seen.clone(), Arc::default());
    for event in events {
        fold.event(event, &health);
    }
    let health = health.borrow().clone();
    (seen.numbers(), seen.resets(), health)
}

fn named(numbers: &[(&str, u64)]) -> Vec<(String, u64)> {
    numbers.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

#[test]
fn a_list_and_what_follows() {
    let (numbers, resets, health) = fed(vec![
        Event::Init,
        Event::InitApply(wire("a", 1)),
        Event::InitApply(wire("b", 2)),
        Event::InitDone,
        Event::Apply(wire("b", 3)),
        Event::Apply(wire("c", 4)),
        Event::Delete(wire("a", 1)),
    ]);
    assert_eq!(numbers, named(&[("b", 3), ("c", 4)]));
    assert_eq!(resets, 1);
    let expected =
        Health { state: State::Following, lists: 1, errors: 0, undecodable: Arc::default() };
    assert_eq!(health, expected);
}

#[test]
fn a_part_of_a_list_takes_nothing_away() {
    let (numbers, resets, health) = fed(vec![
        Event::Init,
        Event::InitApply(wire("a", 1)),
        Event::InitDone,
        Event::Init,
        Event::InitApply(wire("b", 2)),
        // Broken off, and begun anew.
        Event::Init,
        Event::InitApply(wire("c", 3)),
    ]);
    assert_eq!((numbers, resets), (named(&[("a", 1)]), 1));
    assert_eq!(health.state, State::Listing);
}

#[test]
fn another_list_takes_away_what_it_does_not_have() {
    let (numbers, resets, _) = fed(vec![
        Event::Init,
        Event::InitApply(wire("a", 1)),
        Event::InitDone,
        Event::Init,
        Event::InitApply(wire("b", 2)),
        Event::InitDone,
    ]);
    assert_eq!((numbers, resets), (named(&[("b", 2)]), 2));
}

#[test]
fn what_cannot_be_read_is_counted_and_spoils_nothing_else() {
    let list = [Event::Init, Event::InitApply(broken("bad")), Event::InitApply(wire("good", 1))];
    let mut events: Vec<_> = list.into_iter().chain([Event::InitDone]).collect();
    let (numbers, _, health) = fed(events.clone());
    assert_eq!((numbers, health.undecodable.len()), (named(&[("good", 1)]), 1));
    // What was known of it no longer holds, and nothing is done to what is not known.
    events.extend([Event::Apply(broken("good")), Event::Apply(wire("bad", 2))]);
    let (numbers, _, health) = fed(events.clone());
    assert_eq!((numbers, health.undecodable.len()), (named(&[("bad", 2)]), 1));
    events.push(Event::Delete(broken("good")));
    let (numbers, _, health) = fed(events);
    assert_eq!((numbers, health.undecodable.len()), (named(&[("bad", 2)]), 0));
}

/// Looks at the health whenever something is missing from then on.
struct Missing(watch::Receiver<Health>, Vec<(Key, bool)>);

impl Index<Numbered> for &mut Missing {
    fn apply(&mut self, _: &Arc<Numbered>) {}

    fn delete(&mut self, key: &Key) {
        let is_told = self.0.borrow().undecodable.contains(key);
        self.1.push((key.clone(), is_told));
    }

    fn reset(&mut self, _: &[Arc<Numbered>], _: &Arc<Keep>) {
        self.delete(&broken("listed").key());
    }
}

/// Else somebody would take it for gone for a moment.
#[test]
fn what_cannot_be_read_is_told_before_the_index_lacks_it() {
    let (health, told) = watch::channel(Health::default());
    let mut missing = Missing(told, Vec::new());
    let mut fold = Fold::new(&mut missing, Arc::default());
    for event in [
        Event::Init,
        Event::InitApply(broken("listed")),
        Event::InitDone,
        Event::Apply(broken("changed")),
        // And for as long as it does.
        Event::Init,
        Event::InitApply(broken("listed")),
        Event::InitApply(broken("changed")),
        Event::InitDone,
        Event::Delete(wire("changed", 1)),
    ] {
        fold.event(event, &health);
    }
    let keys = ["listed", "changed", "listed", "changed"].map(|name| (broken(name).key(), true));
    assert_eq!(missing.1, keys);
    assert_eq!(health.borrow().undecodable.len(), 1);
}

/// Until its end a streamed list also tells what changes.
#[rstest::rstest]
#[case::no_longer(vec![wire("a", 1), broken("a")], &[], 1)]
#[case::again(vec![wire("a", 1), broken("a"), wire("a", 2)], &[("a", 2)], 0)]
#[case::only_now(vec![broken("a"), wire("a", 2)], &[("a", 2)], 0)]
fn within_a_list_the_last_form_of_an_object_counts(
    #[case] forms: Vec<Wire<Numbered>>,
    #[case] expected: &[(&str, u64)],
    #[case] undecodable: usize,
) {
    let forms = forms.into_iter().map(Event::InitApply);
    let list = [Event::Init, Event::InitApply(wire("b", 7))].into_iter().chain(forms);
    let (numbers, _, health) = fed(list.chain([Event::InitDone]).collect());
    assert_eq!(numbers, named(&[expected, &[("b", 7)]].concat()));
    assert_eq!(health.undecodable.len(), undecodable);
}

/// As proxies say it; the API server itself says it in the stream.
#[tokio::test(start_paused = true)]
async fn a_410_in_the_head_of_a_watch_lists_again() {
    let lists = Arc::new(AtomicUsize::new(0));
    let client = client(Arc::clone(&lists), |lists, watch| match (watch, lists) {
        (false, _) => (
            200,
            json!({
                "metadata": {"resourceVersion": "7"}, "items": [object("a", &json!(lists))],
            })
            .to_string(),
        ),
        (true, 1) => (
            410,
            json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
                .to_string(),
        ),
        (true, _) => (200, event("ADDED", &object("b", &json!(5)))),
    });
    let (seen, stop) = (Seen::default(), CancellationToken::new());
    let (_keep, keep) = watch::channel(Arc::default());
    let (health, _told) = watch::channel(Health::default());
    let api: Api<Wire<Numbered>> = Api::all(client);
    let task = tokio::spawn(follow(api, keep, seen.clone(), health, stop.clone()));
    let both = async {
        while seen.numbers().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    assert_eq!(seen.numbers(), named(&[("a", 2), ("b", 5)]));
    assert_eq!((seen.resets(), lists.load(Ordering::Relaxed)), (2, 2));
    stop.cancel();
    task.await.unwrap();
}

/// A page that is refused with 410 begins the list anew: what came before it counts for nothing.
#[tokio::test(start_paused = true)]
async fn a_410_between_two_pages_lists_again() {
    let lists = Arc::new(AtomicUsize::new(0));
    let pages = |number: usize, next: &str| {
        json!({
            "metadata": {"resourceVersion": "7", "continue": next},
            "items": [object(&format!("page-{number}"), &json!(number))],
        })
        .to_string()
    };
    let client = client(Arc::clone(&lists), move |lists, watch| match (watch, lists) {
        (true, _) => (200, bookmark()),
        (false, 1) => (200, pages(1, "more")),
        (false, 2) => {
            (410, json!({"kind": "Status", "code": 410, "reason": "Expired"}).to_string())
        }
        (false, 3) => (200, pages(3, "more")),
        (false, _) => (200, pages(4, "")),
    });
    let (seen, stop) = (Seen::default(), CancellationToken::new());
    let (_keep, keep) = watch::channel(Arc::default());
    let (health, mut told) = watch::channel(Health::default());
    let api: Api<Wire<Numbered>> = Api::all(client);
    let task = tokio::spawn(follow(api, keep, seen.clone(), health, stop.clone()));
    let listed = told.wait_for(|health| health.lists == 1);
    let health =
        tokio::time::timeout(Duration::from_secs(60), listed).await.unwrap().unwrap().clone();
    assert_eq!(seen.numbers(), named(&[("page-3", 3), ("page-4", 4)]));
    assert_eq!(health.errors, 1);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_reads_more_lists_again() {
    let lists = Arc::new(AtomicUsize::new(0));
    let client = client(Arc::clone(&lists), |lists, watch| {
        if watch {
            (200, bookmark())
        } else {
            (200, json!({"metadata": {"resourceVersion": "7"}, "items": [object("a", &json!(lists))]}).to_string())
        }
    });
    let (seen, stop) = (Seen::default(), CancellationToken::new());
    let (more, keep) = watch::channel(Arc::default());
    let (health, mut told) = watch::channel(Health::default());
    let api: Api<Wire<Numbered>> = Api::all(client);
    let task = tokio::spawn(follow(api, keep, seen.clone(), health, stop.clone()));
    told.wait_for(|health| health.lists == 1).await.unwrap();
    // The same again asks for nothing; an annotation more does.
    more.send(Arc::default()).unwrap();
    more.send(Arc::new(Keep::with_annotation("example.test/team"))).unwrap();
    told.wait_for(|health| health.lists == 2).await.unwrap();
    assert_eq!(seen.numbers(), named(&[("a", 2)]));
    stop.cancel();
    task.await.unwrap();
}

/// What came of a streamed list, and how often the API server was then asked for a page.
async fn streamed(lines: Vec<String>, stays_open: bool) -> (Vec<(String, u64)>, usize) {
    let lists = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lists);
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (body, open) = if query.contains("sendInitialEvents=true") {
            // What is stored now, not what a cache has.
            assert!(query.ends_with("resourceVersion="), "{query}");
            (lines.concat(), stays_open)
        } else if query.contains("watch=true") {
            (bookmark(), true)
        } else {
            counted.fetch_add(1, Ordering::Relaxed);
            let page = json!({
                "metadata": {"resourceVersion": "7"}, "items": [object("paged", &json!(1))],
            });
            (page.to_string(), false)
        };
        async move { Ok::<_, std::io::Error>(Response::new(body_of(body, open))) }
    });
    let (seen, stop) = (Seen::default(), CancellationToken::new());
    let (_keep, keep) = watch::channel(Arc::default());
    let (health, mut told) = watch::channel(Health::default());
    let api: Api<Wire<Numbered>> = Api::all(Client::new(service, "default"));
    let task = tokio::spawn(follow(api, keep, seen.clone(), health, stop.clone()));
    let listed = told.wait_for(|health| health.lists == 1);
    tokio::time::timeout(Duration::from_secs(300), listed).await.unwrap().unwrap();
    stop.cancel();
    task.await.unwrap();
    (seen.numbers(), lists.load(Ordering::Relaxed))
}

fn end_of_list() -> String {
    let metadata =
        json!({"resourceVersion": "8", "annotations": {"k8s.io/initial-events-end": "true"}});
    event("BOOKMARK", &json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}))
}

#[tokio::test(start_paused = true)]
async fn a_list_is_streamed_where_the_api_server_can() {
    let lines = vec![
        event("ADDED", &object("a", &json!(1))),
        event("ADDED", &object("b", &json!(2))),
        end_of_list(),
    ];
    assert_eq!(streamed(lines, true).await, (named(&[("a", 1), ("b", 2)]), 0));
}

/// A part of a streamed list is no list, whoever answers so.
#[rstest::rstest]
#[case::it_ends(vec![event("ADDED", &object("a", &json!(1)))], false)]
#[case::a_server_that_does_not_know_it(
    vec![event("ADDED", &object("a", &json!(1))), bookmark()], true)]
#[case::an_error(vec![event("ADDED", &object("a", &json!(1))),
    event("ERROR", &json!({"kind": "Status", "code": 500, "reason": "InternalError"}))], true)]
#[case::a_deletion(vec![event("DELETED", &object("a", &json!(1)))], true)]
#[case::no_event(vec!["nonsense\n".to_owned()], true)]
#[tokio::test(start_paused = true)]
async fn what_is_no_whole_streamed_list_is_listed_in_pages(
    #[case] lines: Vec<String>,
    #[case] stays_open: bool,
) {
    assert_eq!(streamed(lines, stays_open).await, (named(&[("paged", 1)]), 1));
}

/// A line of a watch; as the API server does, with the type first.
fn event(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn bookmark() -> String {
    let metadata = json!({"resourceVersion": "8"});
    event("BOOKMARK", &json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}))
}

/// An API server without streamed lists that answers as told: how many lists there were, this one included, and whether
/// this is a watch. A watch stays open after its first line.
fn client(
    lists: Arc<AtomicUsize>,
    answer: impl Fn(usize, bool) -> (u16, String) + Send + Sync + 'static,
) -> Client {
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (lists, answer) = (Arc::clone(&lists), Arc::clone(&answer));
        async move {
            let query = request.uri().query().unwrap_or_default();
            let watch = query.contains("watch=true");
            if !watch {
                lists.fetch_add(1, Ordering::Relaxed);
            }
            let (status, body) = if query.contains("sendInitialEvents") {
                let status = json!({"kind": "Status", "code": 422, "reason": "Invalid"});
                (422, status.to_string())
            } else {
                answer(lists.load(Ordering::Relaxed), watch)
            };
            let open = watch && status == 200;
            let answer = Response::builder().status(status).body(body_of(body, open)).unwrap();
            Ok::<_, std::io::Error>(answer)
        }
    });
    Client::new(service, "default")
}

/// A body in one piece, after which the connection stays open or not.
fn body_of(
    text: String,
    open: bool,
) -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, std::io::Error>>> {
    StreamBody::new(futures::stream::unfold(Some(text), move |text| async move {
        match text {
            Some(text) => Some((Ok(Frame::data(text.into())), None)),
            None if open => std::future::pending().await,
            None => None,
        }
    }))
}
