use std::sync::{Arc, Mutex};

use futures::stream;
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::api::ListParams;
use kube::client::Body;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::split::{Split, Splitter};
use super::{Listing, MOST};

/// The objects of a list that comes in these pieces, and its version.
fn split(pieces: &[&[u8]]) -> Result<(Vec<Vec<u8>>, Option<String>), String> {
    let (mut splitter, mut objects) = (Splitter::default(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let (read, found) = splitter.take(rest).map_err(|error| error.to_string())?;
            rest = &rest[read..];
            if found == Split::Object {
                objects.push(splitter.object().to_vec());
                splitter.forget();
            }
        }
    }
    let metadata = splitter.finish().map_err(|error| error.to_string())?;
    Ok((objects, metadata.resource_version))
}

fn any_object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(|number| json!(number)),
        "[\\PC\"\\\\{}\\[\\],:\n]{0,12}".prop_map(|text| json!(text)),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z\"\\\\]{1,5}", inner, 0..4).prop_map(Value::from_iter),
        ]
    });
    prop::collection::hash_map("[a-z]{1,8}", value, 0..4).prop_map(Value::from_iter)
}

proptest! {
    /// Wherever the pieces of a list end, its objects are the same.
    #[test]
    fn objects_are_found_wherever_the_bytes_are_cut(
        objects in prop::collection::vec(any_object(), 0..5),
        pretty: bool,
        first: bool,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let metadata = r#"{"resourceVersion":"7","labels":[{"a":"]}"},[]]}"#;
        let items = if pretty {
            serde_json::to_string_pretty(&objects).unwrap()
        } else {
            serde_json::to_string(&objects).unwrap()
        };
        let text = if first {
            format!(r#"{{"kind":"List","metadata":{metadata},"items":{items}}}"#)
        } else {
            format!(r#"{{"items":{items},"metadata":{metadata}}}"#)
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> =
            cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
        let (found, version) = split(&pieces).unwrap();
        let found: Vec<Value> =
            found.iter().map(|text| serde_json::from_slice(text).unwrap()).collect();
        prop_assert_eq!(found, objects);
        prop_assert_eq!(version.as_deref(), Some("7"));
    }
}

/// What is no whole list must not pass for one that has fewer objects.
#[rstest]
#[case::cut_off(r#"{"metadata":{},"items":[{}"#)]
#[case::cut_off_after_the_items(r#"{"metadata":{},"items":[{}]"#)]
#[case::an_item_that_is_no_object(r#"{"metadata":{},"items":[{},7]}"#)]
#[case::an_item_that_is_null(r#"{"metadata":{},"items":[null]}"#)]
#[case::an_item_that_is_a_list(r#"{"metadata":{},"items":[[{}]]}"#)]
#[case::no_list(r#"{"kind":"Status","metadata":{},"status":"Failure"}"#)]
#[case::nothing("")]
#[case::brackets("]")]
#[case::two(r#"{"metadata":{},"items":[]}{"metadata":{},"items":[{}]}"#)]
fn what_is_no_list_is_refused(#[case] text: &str) {
    assert!(split(&[text.as_bytes()]).is_err());
}

#[test]
fn a_list_of_nothing() {
    assert_eq!(split(&[br#"{"metadata":{},"items":null}"#]).unwrap().0, Vec::<Vec<u8>>::new());
}

/// An API server that has so many objects of these sizes, and which limits it was asked for.
fn server(sizes: Vec<usize>) -> (Client, Arc<Mutex<Vec<usize>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let limits = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let value = |key: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
            pair.and_then(|value| value.parse::<usize>().ok())
        };
        let (limit, from) = (value("limit").unwrap(), value("continue").unwrap_or_default());
        limits.lock().unwrap().push(limit);
        let to = (from + limit).min(sizes.len());
        let objects: Vec<Value> = (from..to)
            .map(|at| json!({"metadata": {"name": at.to_string()}, "x": "x".repeat(sizes[at])}))
            .collect();
        let next = if to < sizes.len() { to.to_string() } else { String::new() };
        let list = json!({
            "metadata": {"resourceVersion": "9", "continue": next}, "items": objects,
        });
        let body =
            stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from(list.to_string())))]);
        async move { Ok::<_, std::io::Error>(Response::new(StreamBody::new(body))) }
    });
    (Client::new(service, "default"), asked)
}

/// The names in a listing, and the limits of its pages.
async fn listed(sizes: Vec<usize>, most: u32) -> (Vec<String>, Vec<usize>) {
    let (client, asked) = server(sizes);
    let mut listing = Listing::new(client, "/api/v1/configmaps", &ListParams::default(), most);
    let mut names = Vec::new();
    while let Some(object) = listing.next().await.unwrap() {
        let object: Value = serde_json::from_str(object).unwrap();
        names.push(object["metadata"]["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(listing.version(), "9");
    assert!(listing.next().await.unwrap().is_none(), "there is nothing after the end");
    let asked = asked.lock().unwrap().clone();
    (names, asked)
}

/// Pages are as many objects as are worth eight mebibytes, and grow by steps.
#[rstest]
#[case::small(vec![10; 2000], MOST, &[16, 64, 256, 500, 500, 500, 500])]
#[case::large(vec![1 << 20; 40], MOST, &[16, 7, 7, 7, 7])]
#[case::huge(vec![20 << 20; 3], 1, &[1, 1, 1])]
#[case::none(vec![], MOST, &[16])]
#[case::no_large_page_arrives(vec![10; 12], 5, &[5, 5, 5])]
#[tokio::test]
async fn pages_go_by_bytes(#[case] sizes: Vec<usize>, #[case] most: u32, #[case] limits: &[usize]) {
    let all: Vec<String> = (0..sizes.len()).map(|at| at.to_string()).collect();
    let (names, asked) = listed(sizes, most).await;
    assert_eq!(names, all);
    assert_eq!(asked.iter().take(limits.len()).copied().collect::<Vec<_>>(), limits);
}
