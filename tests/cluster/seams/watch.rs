//! Watches and what they feed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{Request, Response, Uri};
use curfew::batch::Outcome;
use curfew::cluster::clock_offset::Trust;
use curfew::cluster::slim::{CronJob, Decoder, Job, Keep, Key, Namespace, Slim, Wire};
use curfew::cluster::store::Store;
use curfew::cluster::watch::{Health, Index, State, follow};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{cluster, soon};
use crate::support::{
    control_plane,
    manifest::{Finish, cron_job, days_ago, job},
    wait::runtime,
};

/// A watch under way; it ends with this.
struct Following {
    health: watch::Receiver<Health>,
    /// `None` sends nothing: the watch is told what to keep once.
    _keep: watch::Sender<Arc<Keep>>,
    _stop: DropGuard,
}

impl Following {
    fn start<K: Slim>(api: Api<Wire<K>>, index: impl Index<K> + 'static) -> Self {
        let stop = CancellationToken::new();
        let (keep, needed) = watch::channel(Arc::default());
        let (health, told) = watch::channel(Health::default());
        runtime().spawn(follow(api, needed, index, health, stop.clone()));
        Self { health: told, _keep: keep, _stop: stop.drop_guard() }
    }

    #[track_caller]
    fn listed(&self, times: u64) {
        soon("the list is complete", || (self.health.borrow().lists >= times).then_some(()));
    }
}

#[test]
fn jobs_come_change_and_go() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("watch");
    let cluster = cluster(plane);
    let early =
        json!({"spec": {"managedBy": "example.test/nobody", "ttlSecondsAfterFinished": 900}});
    space.create(&job("early", early)).ok();
    let store = Store::default();
    let api: Api<Wire<Job>> = Api::namespaced(cluster.client.clone(), &space.name);
    let following = Following::start(api, Arc::clone(&store.jobs));
    following.listed(1);
    let found = |name: &str| store.jobs.find(&space.name, name);
    let seen = found("early").expect("it was listed");
    let stored = space.job("early");
    assert_eq!(seen.key().uid, stored["metadata"]["uid"]);
    assert_eq!(seen.meta.version.to_string(), stored["metadata"]["resourceVersion"]);
    assert_eq!((seen.ttl(), seen.finish()), (Some(900), None));
    // Applied, changed, deleted.
    space.create(&job("late", json!({}))).ok();
    soon("a new Job appears", || found("late"));
    let at = days_ago(8);
    space.finish_job("early", Finish::Failed, at);
    let finish = soon("its end is seen", || found("early")?.finish());
    assert_eq!(finish.outcome, Outcome::Failure);
    assert_eq!(finish.at.map(Timestamp::as_second), Some(at.as_second()));
    plane.api.delete(&space.path("jobs/late")).ok();
    soon("a deleted Job goes", || found("late").is_none().then_some(()));
    assert_eq!(store.jobs.len(), 1);
    assert_eq!(following.health.borrow().state, State::Following);
    // Every answer told the time.
    assert_eq!(cluster.clock.trust(), Trust::Fine);
    assert_eq!(cluster.clock.correction(), SignedDuration::ZERO);
}

#[test]
fn families_and_namespaces_are_known() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("families");
    let client = cluster(plane).client;
    let store = Store::default();
    let cronjobs: Api<Wire<CronJob>> = Api::namespaced(client.clone(), &space.name);
    let namespaces: Api<Wire<Namespace>> = Api::all(client.clone());
    let jobs: Api<Wire<Job>> = Api::namespaced(client, &space.name);
    let _following = (
        Following::start(cronjobs, Arc::clone(&store.cronjobs)),
        Following::start(namespaces, Arc::clone(&store.namespaces)),
        Following::start(jobs, Arc::clone(&store.jobs)),
    );
    soon("everything is listed", || store.covers(&Keep::default()).then_some(()));
    let name = "kubernetes.io/metadata.name";
    let namespace = soon("its namespace is listed", || store.namespaces.find(&space.name));
    assert_eq!(namespace.labels.get(name), Some(space.name.as_str()));
    let parent = space.create(&cron_job("parent", json!({}))).ok();
    let uid = parent["metadata"]["uid"].as_str().expect("the API server gives one");
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "parent", "uid": uid, "controller": true,
    }]}});
    space.create(&job("child", owner)).ok();
    soon("the child is seen", || store.jobs.find(&space.name, "child"));
    let known = soon("the parent is seen", || store.cronjobs.owner(&space.name, "parent", uid));
    let children = store.jobs.owned_by(&space.name, &known.meta.name);
    assert_eq!(children.iter().map(|child| &*child.meta.name).collect::<Vec<_>>(), ["child"]);
    assert!(store.cronjobs.owner(&space.name, "parent", "another").is_none());
}

/// A `ConfigMap` that can be read only with a number in it.
#[derive(Clone, Debug, PartialEq)]
struct Numbered(Key, u64);

impl Slim for Numbered {
    type Like = k8s_openapi::api::core::v1::ConfigMap;

    fn decode(json: &str, _: &mut Decoder) -> Result<Self, String> {
        let json: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let text = |field: &str| json["metadata"][field].as_str().unwrap_or_default().to_owned();
        let number = json["data"]["number"].as_str().and_then(|text| text.parse().ok());
        let key = Key { namespace: text("namespace"), name: text("name"), uid: text("uid") };
        Ok(Self(key, number.ok_or("it has no number")?))
    }

    fn key(&self) -> Key {
        self.0.clone()
    }
}

#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<BTreeMap<String, u64>>>);

impl Numbers {
    fn get(&self, name: &str) -> Option<u64> {
        self.0.lock().expect("no test panics in here").get(name).copied()
    }
}

impl Index<Numbered> for Numbers {
    fn apply(&mut self, object: &Arc<Numbered>) {
        let Numbered(key, number) = &**object;
        self.0.lock().expect("no test panics in here").insert(key.name.clone(), *number);
    }

    fn delete(&mut self, key: &Key) {
        self.0.lock().expect("no test panics in here").remove(&key.name);
    }

    fn reset(&mut self, objects: &[Arc<Numbered>], _: &Arc<Keep>) {
        let numbers = objects.iter().map(|one| (one.0.name.clone(), one.1)).collect();
        *self.0.lock().expect("no test panics in here") = numbers;
    }
}

#[test]
fn an_object_that_cannot_be_read_does_not_blind_the_watch() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("unreadable");
    let path = format!("/api/v1/namespaces/{}/configmaps", space.name);
    let write = |name: &str, number: &str| {
        let body = json!({"metadata": {"name": name}, "data": {"number": number}});
        plane.api.post(&path, &body).ok();
    };
    write("bad-early", "seven");
    write("good-early", "1");
    let numbers = Numbers::default();
    let api: Api<Wire<Numbered>> = Api::namespaced(cluster(plane).client, &space.name);
    let following = Following::start(api, numbers.clone());
    following.listed(1);
    assert_eq!((numbers.get("good-early"), numbers.get("bad-early")), (Some(1), None));
    write("bad-late", "eight");
    write("good-late", "2");
    soon("what comes after it is seen", || numbers.get("good-late"));
    assert_eq!(following.health.borrow().undecodable.len(), 2);
    plane.api.delete(&format!("{path}/bad-early")).ok();
    soon("it is counted as long as it is there", || {
        (following.health.borrow().undecodable.len() == 1).then_some(())
    });
}

/// Of a kind that is defined late: what the API server remembers of it begins there, and the first
/// versions are too old for a watch. Of Jobs it remembers nearly all.
#[derive(Clone, Debug, PartialEq)]
struct Widget(Key);

struct WidgetKind;

impl k8s_openapi::Resource for WidgetKind {
    const API_VERSION: &'static str = "example.test/v1";
    const GROUP: &'static str = "example.test";
    const KIND: &'static str = "Widget";
    const VERSION: &'static str = "v1";
    const URL_PATH_SEGMENT: &'static str = "widgets";
    type Scope = k8s_openapi::NamespaceResourceScope;
}

impl Slim for Widget {
    type Like = WidgetKind;

    fn decode(json: &str, _: &mut Decoder) -> Result<Self, String> {
        let json: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let text = |field: &str| json["metadata"][field].as_str().unwrap_or_default().to_owned();
        Ok(Self(Key { namespace: text("namespace"), name: text("name"), uid: text("uid") }))
    }

    fn key(&self) -> Key {
        self.0.clone()
    }
}

impl Index<Widget> for Numbers {
    fn apply(&mut self, object: &Arc<Widget>) {
        let name = object.0.name.clone();
        self.0.lock().expect("no test panics in here").insert(name, 0);
    }

    fn delete(&mut self, key: &Key) {
        self.0.lock().expect("no test panics in here").remove(&key.name);
    }

    fn reset(&mut self, objects: &[Arc<Widget>], _: &Arc<Keep>) {
        let names = objects.iter().map(|one| (one.0.name.clone(), 0)).collect();
        *self.0.lock().expect("no test panics in here") = names;
    }
}

/// The first watch asks for a version that the API server no longer knows.
#[test]
fn a_forgotten_version_lists_again() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("forgotten");
    let definition = json!({
        "metadata": {"name": "widgets.example.test"},
        "spec": {
            "group": "example.test",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object"}}}],
        },
    });
    plane.api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).ok();
    let path = format!("/apis/example.test/v1/namespaces/{}/widgets", space.name);
    let write = |name: &str| {
        let widget = json!({
            "apiVersion": "example.test/v1", "kind": "Widget", "metadata": {"name": name},
        });
        plane.api.post(&path, &widget)
    };
    soon("the kind is served", || (write("one").status == 201).then_some(()));
    let client = cluster(plane).client;
    let watches = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&watches);
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        // A streamed list goes on in the same stream, and names no version.
        let streamed = query.contains("sendInitialEvents=true");
        if !streamed && query.contains("watch=true") && counted.fetch_add(1, Ordering::SeqCst) == 0
        {
            let old = query.split('&').map(|one| match one.split_once('=') {
                Some(("resourceVersion", _)) => "resourceVersion=1",
                _ => one,
            });
            let old = old.collect::<Vec<_>>().join("&");
            let uri: Uri = format!("{}?{old}", request.uri().path()).parse().expect("still a URI");
            *request.uri_mut() = uri;
        }
        let client = client.clone();
        async move {
            if streamed {
                let status =
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 400});
                let answer = Response::builder().status(400);
                return Ok(answer
                    .body(Body::from(status.to_string().into_bytes()))
                    .expect("it is one"));
            }
            client.send(request).await
        }
    });
    let client = {
        let _runtime = runtime().enter();
        Client::new(service, "default")
    };
    let api: Api<Wire<Widget>> = Api::namespaced(client, &space.name);
    let numbers = Numbers::default();
    let following = Following::start(api, numbers.clone());
    following.listed(2);
    assert!(following.health.borrow().errors >= 1);
    write("two").ok();
    soon("the second watch goes on", || numbers.get("two"));
    assert_eq!(numbers.get("one"), Some(0));
}
