//! Events on the objects that we act on, for `kubectl describe`.
//!
//! Work calls [`Recorder::record`], which never waits: what does not fit into the queue is dropped
//! and counted. One task ([`Recorder::start`]) decides what becomes of each ([`Correlator`], as
//! client-go does it) and writes it. What the API server refuses is not tried again.

mod correlate;
mod event;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as Object;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use self::correlate::{Correlation, Correlator};
pub use self::event::{About, Event};
use crate::batch::text::cut;
use crate::clock;

/// Takes events from everybody. Clones feed the same queue.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: mpsc::Sender<(Event, Timestamp)>,
    dropped: Arc<AtomicU64>,
}

/// The task behind a recorder.
struct EventWriter {
    client: Client,
    /// `reportingInstance`: which replica.
    instance: String,
    correlator: Correlator,
    start: Instant,
    dropped: Arc<AtomicU64>,
    stop: CancellationToken,
}

// === impl Recorder ===

impl Recorder {
    /// A recorder, and the task that writes what it takes. On `stop` the task writes what is in
    /// the queue, as far as that goes quickly, and ends.
    pub fn start(
        client: Client,
        instance: &str,
        stop: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, events) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = EventWriter {
            client,
            instance: instance.chars().take(LONGEST_INSTANCE).collect(),
            correlator: Correlator::default(),
            start: clock::ticks(),
            dropped: Arc::clone(&dropped),
            stop,
        };
        (Self { queue, dropped }, tokio::spawn(writer.run(events)))
    }

    /// Takes an event, or drops it. Never waits.
    pub fn record(&self, event: Event) {
        if self.queue.try_send((event, clock::now())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events were dropped: by a full queue, by the rate limit, or by the API server.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

// === impl EventWriter ===

impl EventWriter {
    async fn run(mut self, mut events: mpsc::Receiver<(Event, Timestamp)>) {
        let stop = self.stop.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // Cancel-safe: what was not received stays in the queue.
                next = events.recv() => next,
            };
            let Some((event, at)) = next else { return };
            self.write(event, at).await;
            // A drain tells of itself at the pace of its default rate; the rest of the API server
            // is for the drain.
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep(BETWEEN) => {}
            }
        }
        events.close();
        let rest = async {
            while let Some((event, at)) = events.recv().await {
                self.write(event, at).await;
            }
        };
        // Whoever waits for us to end has better things to do.
        let _late = timeout(LAST_WORDS, rest).await;
    }

    async fn write(&mut self, event: Event, at: Timestamp) {
        let now = clock::ticks().duration_since(self.start);
        let done = match self.correlator.judge(&event, at, now) {
            Correlation::Drop => false,
            Correlation::Create { name, note } => self.create(&event, &name, &note, at).await,
            Correlation::Again { name, note, count } => {
                match self.again(&event, &name, count, at).await {
                    Some(done) => done,
                    // It has expired in the meantime: it lives an hour.
                    None => self.create(&event, &name, &note, at).await,
                }
            }
        };
        if !done {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn create(&self, event: &Event, name: &str, note: &str, at: Timestamp) -> bool {
        let About { api_version, kind, namespace, name: object, uid } = &event.about;
        let body = Object {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(at)),
            type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(event.reason.to_owned()),
            action: Some(event.action.to_owned()),
            note: Some(cut(note, LONGEST_NOTE).to_owned()),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            regarding: Some(ObjectReference {
                api_version: Some((*api_version).to_owned()),
                kind: Some((*kind).to_owned()),
                namespace: Some(namespace.clone()),
                name: Some(object.clone()),
                uid: (!uid.is_empty()).then(|| uid.clone()),
                ..ObjectReference::default()
            }),
            ..Object::default()
        };
        let api: Api<Object> = Api::namespaced(self.client.clone(), namespace);
        let call = || async { api.create(&PostParams::default(), &body).await.map(drop) };
        // Repeated after a lost answer, it is there already.
        self.attempt(call, 409).await.unwrap_or(true)
    }

    /// Raises the count of an event; `None` where it is no longer there.
    async fn again(&self, event: &Event, name: &str, count: i32, at: Timestamp) -> Option<bool> {
        let api: Api<Object> = Api::namespaced(self.client.clone(), &event.about.namespace);
        let series = json!({"series": {"count": count, "lastObservedTime": MicroTime(at)}});
        let patch = Patch::Merge(series);
        let call = || async { api.patch(name, &PatchParams::default(), &patch).await.map(drop) };
        self.attempt(call, 404).await
    }

    /// Calls until there is an answer; `None` where it is `special`.
    async fn attempt<F>(&self, mut call: impl FnMut() -> F, special: u16) -> Option<bool>
    where
        F: Future<Output = Result<(), kube::Error>>,
    {
        for _ in 0..TRIES {
            match timeout(LIMIT, call()).await {
                Ok(Ok(())) => return Some(true),
                Ok(Err(kube::Error::Api(status))) if status.code == special => return None,
                Ok(Err(kube::Error::Api(status))) if status.code < 500 && status.code != 429 => {
                    tracing::debug!(%status, "the API server refused an event");
                    return Some(false);
                }
                Ok(Err(error)) => tracing::debug!(%error, "an event could not be written"),
                Err(_late) => tracing::debug!("an event could not be written: no answer"),
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Some(false),
                () = sleep(BETWEEN_TRIES) => {}
            }
        }
        Some(false)
    }
}

/// Who tells; never a name that a controller of Kubernetes uses.
pub const CONTROLLER: &str = "curfew.dev/controller";

// The following are client-go's (upstream-semantics.md, 7.2).
const QUEUE: usize = 1000;
const TRIES: u32 = 12;
const BETWEEN_TRIES: Duration = Duration::from_secs(10);

/// The API server's.
const LONGEST_NOTE: usize = 1024;
const LONGEST_INSTANCE: usize = 128;

/// At most fifty a second.
const BETWEEN: Duration = Duration::from_millis(20);

const LIMIT: Duration = Duration::from_secs(5);
const LAST_WORDS: Duration = Duration::from_secs(2);
