//! The two servers, each asked as curfew asks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use kube::Client;
use kube::api::WatchEvent;
use kube::client::Body;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout};

use super::call::Call;
use super::same::{Answer, Names, equal};
use crate::oracle::{Known, Oracle};
use crate::seed::Chance;
use crate::server::service::{Caller, Endpoint};
use crate::server::store::Resource;
use crate::server::weather::Weather;
use crate::server::{Server, Shared};
use crate::support::wait::runtime;

/// Asks both.
pub struct Comparison {
    seed: u64,
    real: Client,
    pub model: Model,
    pub names: Names,
    counts: BTreeMap<String, u64>,
    asked: u64,
    /// The last calls and their answers.
    last: VecDeque<String>,
}

/// The model in calm weather, on a clock of its own.
pub struct Model {
    pub server: Shared,
    runtime: Runtime,
    client: Client,
}

/// One watch of each.
pub struct Watching {
    pub resource: Resource,
    call: Call,
    real: Events,
    model: Events,
}

/// What a watch has told.
struct Told {
    kind: String,
    object: Value,
}

type Events = BoxStream<'static, kube::Result<WatchEvent<Value>>>;

// === impl Comparison ===

impl Comparison {
    pub fn new(seed: u64, real: Client) -> Self {
        Self {
            seed,
            real,
            model: Model::new(),
            names: Names::default(),
            counts: BTreeMap::new(),
            asked: 0,
            last: VecDeque::new(),
        }
    }

    /// Requests so far.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// The same by kind and status, and what watches have told.
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// What the real one answers.
    ///
    /// # Panics
    /// Where the model answers anything else.
    pub fn ask(&mut self, call: &Call) -> Answer {
        let asked = runtime().spawn(send(self.real.clone(), call.request()));
        let request = self.names.for_model(call).request();
        let model = self.model.runtime.block_on(send(self.model.client.clone(), request));
        let real = runtime().block_on(asked).expect("sending does not panic");
        self.count(call, &real);
        let same = self.names.same(call, &real, &model);
        self.must(same, call);
        real
    }

    /// Begins to watch; `None` where neither lets anybody.
    ///
    /// # Panics
    /// Where only one of them does.
    pub fn watch(&mut self, resource: Resource, from: Option<String>) -> Option<Watching> {
        let call = Call::Watch { resource, from };
        let real = runtime().block_on(begin(self.real.clone(), call.request()));
        let request = self.names.for_model(&call).request();
        let model = self.model.runtime.block_on(begin(self.model.client.clone(), request));
        let answer = |begun: &Result<Events, Answer>| match begun {
            Ok(_) => Answer { status: 200, body: Value::Null },
            Err(answer) => answer.clone(),
        };
        self.count(&call, &answer(&real));
        let same = self.names.same(&call, &answer(&real), &answer(&model));
        self.must(same, &call);
        let (Ok(real), Ok(model)) = (real, model) else { return None };
        Some(Watching { resource, call, real, model })
    }

    /// Reads both watches up to an object, the end of a streamed list, or an error.
    ///
    /// # Panics
    /// Where they tell anything else.
    pub fn read(&mut self, watching: &mut Watching, is_last: impl Fn(&Value) -> bool) {
        let Watching { resource: _, call, real, model } = watching;
        let real = runtime().block_on(events(real, &is_last, Some(PATIENCE)));
        // It ends by itself, after five minutes of its own time.
        let model = self.model.runtime.block_on(events(model, &is_last, None));
        let same = self.same_events(&real, &model);
        self.must(same, call);
    }

    fn same_events(&mut self, real: &[Told], model: &[Told]) -> Result<(), String> {
        let words = |all: &[Told]| -> Value {
            all.iter()
                .map(|Told { kind, object }| json!([kind, object["metadata"]["name"]]))
                .collect()
        };
        equal("the events", &words(real), &words(model))?;
        for (real, model) in real.iter().zip(model) {
            let (kind, one, other) = (&real.kind, &real.object, &model.object);
            *self.counts.entry(format!("told {kind}")).or_default() += 1;
            match kind.as_str() {
                "ADDED" | "MODIFIED" | "DELETED" => self.names.same_object(one, other)?,
                "BOOKMARK" => {
                    let part = |object: &Value, member: &str| object["metadata"][member].clone();
                    equal("the bookmark", &part(one, "annotations"), &part(other, "annotations"))?;
                    let version = "resourceVersion";
                    self.names.same_moment(&part(one, version), &part(other, version));
                }
                "ERROR" => {
                    let words = |error: &Value| json!([error["code"], error["reason"]]);
                    equal("the error", &words(one), &words(other))?;
                }
                why => return Err(format!("nothing: both watches end, {why}")),
            }
        }
        Ok(())
    }

    fn count(&mut self, call: &Call, real: &Answer) {
        self.asked += 1;
        *self.counts.entry(format!("{} {}", call.kind(), real.status)).or_default() += 1;
        if self.last.len() == LAST_WORDS {
            self.last.pop_front();
        }
        let said = real.body["message"].as_str().unwrap_or_default();
        self.last.push_back(format!("{} → {} {said}", call.words(), real.status));
    }

    fn must(&self, same: Result<(), String>, call: &Call) {
        let Err(why) = same else { return };
        let Self { seed, asked, last, .. } = self;
        let last: Vec<&str> = last.iter().map(String::as_str).collect();
        let words = call.words();
        panic!(
            "{}\n\nseed {seed}, request {asked}, {words}: the model differs in {why}",
            last.join("\n")
        );
    }
}

// === impl Model ===

impl Model {
    fn new() -> Self {
        let mut server = Server::new(
            Weather::new(Chance::new(0)),
            Oracle::default(),
            crate::events::Events::default(),
        );
        // Nobody judges here whether a write is right: it never leads.
        let identity = "never the leader".to_owned();
        server.oracle.replicas.push(Known { identity, ..Known::default() });
        let server: Shared = Arc::new(Mutex::new(server));
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let client = runtime.block_on(async {
            let caller = Caller { replica: 0, born: 0, began: Instant::now() };
            Client::new(Endpoint { server: Arc::clone(&server), caller }, "default")
        });
        Self { server, runtime, client }
    }
}

async fn send(client: Client, request: http::Request<Vec<u8>>) -> Answer {
    let answer = client.send(request.map(Body::from)).await.expect("it answers");
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect_bytes().await.expect("the answer comes");
    Answer { status, body: serde_json::from_slice(&bytes).expect("the answer is JSON") }
}

async fn begin(client: Client, request: http::Request<Vec<u8>>) -> Result<Events, Answer> {
    match client.request_events(request).await {
        Ok(events) => Ok(events.boxed()),
        Err(kube::Error::Api(said)) => {
            let body = serde_json::to_value(&said).expect("it was JSON");
            Err(Answer { status: said.code, body })
        }
        Err(error) => panic!("no answer to a watch: {error}"),
    }
}

/// Bookmarks on the way are left out: when they come is not said anywhere.
async fn events(
    events: &mut Events,
    is_last: &impl Fn(&Value) -> bool,
    patience: Option<Duration>,
) -> Vec<Told> {
    let mut all = Vec::new();
    loop {
        let next = events.next();
        let next = match patience {
            Some(patience) => timeout(patience, next).await.unwrap_or(None),
            None => next.await,
        };
        let (kind, object) = match next {
            Some(Ok(WatchEvent::Added(object))) => ("ADDED".to_owned(), object),
            Some(Ok(WatchEvent::Modified(object))) => ("MODIFIED".to_owned(), object),
            Some(Ok(WatchEvent::Deleted(object))) => ("DELETED".to_owned(), object),
            Some(Ok(WatchEvent::Bookmark(mark))) => ("BOOKMARK".to_owned(), plain(&mark)),
            Some(Ok(WatchEvent::Error(said))) => ("ERROR".to_owned(), plain(&said)),
            Some(Err(error)) => (error.to_string(), Value::Null),
            None => ("no more".to_owned(), Value::Null),
        };
        let ends_list = object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true";
        let (is_end, is_bookmark) = match kind.as_str() {
            "ADDED" | "MODIFIED" | "DELETED" => (is_last(&object), false),
            "BOOKMARK" => (ends_list, true),
            _ => (true, false),
        };
        if is_end || !is_bookmark {
            all.push(Told { kind, object });
        }
        if is_end {
            return all;
        }
    }
}

fn plain(said: &impl Serialize) -> Value {
    serde_json::to_value(said).expect("it was JSON")
}

/// For one event.
const PATIENCE: Duration = Duration::from_secs(30);

/// Calls that are told with a difference.
const LAST_WORDS: usize = 12;
