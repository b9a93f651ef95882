//! The API server as a stream of events: a list, and what changes from then on.
//!
//! It does what `kube::runtime::watcher` does, and bounds what a list takes. Where the API server
//! can (`WatchList`, on by default in Kubernetes 1.34 and later) it is asked to stream its list,
//! which then comes object by object; where it cannot, or a streamed list did not come to its end,
//! it is read in pages, and these object by object ([`Listing`]).

use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt};
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{Error, Event};

use crate::clock;
use crate::cluster::listing::{self, Listing};
use crate::cluster::slim::{Slim, Wire};

/// Lists a kind, and watches it.
pub(super) struct Source<K> {
    api: Api<Wire<K>>,
    state: State<K>,
    /// Whether to ask for a streamed list.
    streams: bool,
    /// The most objects of a page, less after each page that did not arrive.
    most: u32,
    /// How often in a row it has failed.
    failures: u32,
    /// Before the next call.
    pause: Option<Duration>,
}

enum State<K> {
    Unlisted,
    /// A list comes in pages.
    Paged(Box<Listing>),
    /// A list is streamed; the watch goes on in the same stream.
    Streamed(Watch<K>),
    /// The list is complete as of this version, or the watch was interrupted after it.
    Listed(String),
    Watched(String, Watch<K>),
}

type Watch<K> = BoxStream<'static, kube::Result<WatchEvent<Wire<K>>>>;

/// What a step gave.
type Step<K> = Result<Option<Event<Wire<K>>>, Error>;

// === impl Source ===

impl<K: Slim> Source<K> {
    pub(super) fn new(api: Api<Wire<K>>) -> Self {
        Self {
            api,
            state: State::Unlisted,
            streams: true,
            most: listing::MOST,
            failures: 0,
            pause: None,
        }
    }

    /// The events, without an end; after an error it tries again, slower each time.
    pub(super) fn events(self) -> impl Stream<Item = Result<Event<Wire<K>>, Error>> {
        futures::stream::unfold(self, |mut source| async {
            let event = source.next().await;
            Some((event, source))
        })
    }

    async fn next(&mut self) -> Result<Event<Wire<K>>, Error> {
        if let Some(pause) = self.pause.take() {
            tokio::time::sleep(pause).await;
        }
        loop {
            match self.step().await {
                Ok(None) => {}
                Ok(Some(event)) => {
                    // That a list has begun says little.
                    if !matches!(event, Event::Init | Event::InitApply(_)) {
                        self.failures = 0;
                    }
                    return Ok(event);
                }
                Err(error) => {
                    self.pause = Some(backoff(self.failures));
                    self.failures = self.failures.saturating_add(1);
                    return Err(error);
                }
            }
        }
    }

    /// Goes on by one call or one event. What fails leaves the state from which to go on.
    async fn step(&mut self) -> Step<K> {
        match std::mem::replace(&mut self.state, State::Unlisted) {
            State::Unlisted if self.streams => self.begin_stream().await,
            State::Unlisted => {
                let client = self.api.clone().into_client();
                let collection = self.api.resource_url();
                let listing = Listing::new(client, collection, &ListParams::default(), self.most);
                self.state = State::Paged(Box::new(listing));
                Ok(Some(Event::Init))
            }
            State::Paged(listing) => self.paged(listing).await,
            State::Streamed(watch) => self.streamed(watch).await,
            State::Listed(version) => self.begin_watch(version).await,
            State::Watched(version, watch) => self.watched(version, watch).await,
        }
    }

    async fn begin_stream(&mut self) -> Step<K> {
        // Without a version: a list of what is stored now, not of what a cache happens to have.
        let parameters = WatchParams::default().initial_events();
        match self.api.watch(&parameters, "").await {
            Ok(watch) => {
                self.state = State::Streamed(watch.boxed());
                Ok(Some(Event::Init))
            }
            // The API server does not know the question, or has it switched off.
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                self.streams = false;
                Ok(None)
            }
            Err(error) => Err(Error::WatchStartFailed(error)),
        }
    }

    async fn streamed(&mut self, mut watch: Watch<K>) -> Step<K> {
        let event = watch.next().await;
        match event {
            Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                self.state = State::Streamed(watch);
                return Ok(Some(Event::InitApply(object)));
            }
            Some(Ok(WatchEvent::Bookmark(bookmark)))
                if bookmark.metadata.annotations.contains_key(END_OF_LIST) =>
            {
                self.state = State::Watched(bookmark.metadata.resource_version, watch);
                return Ok(Some(Event::InitDone));
            }
            _ => {}
        }
        // It broke off, or whoever answers has not understood what was asked. The API server ends
        // every watch after some minutes, and a page takes less: so the list need not fail twice.
        self.streams = false;
        match event {
            Some(Ok(WatchEvent::Error(status))) => Err(Error::WatchError(status.boxed())),
            Some(Err(error)) => Err(Error::WatchFailed(error)),
            Some(Ok(_)) | None => Ok(None),
        }
    }

    async fn paged(&mut self, mut listing: Box<Listing>) -> Step<K> {
        let next = listing.next().await.map(|json| json.map(serde_json::from_str));
        let event = match next {
            Ok(Some(wire)) => {
                let wire = wire.map_err(kube::Error::SerdeError);
                Event::InitApply(wire.map_err(Error::InitialListFailed)?)
            }
            Ok(None) if listing.version().is_empty() => return Err(Error::NoResourceVersion),
            Ok(None) => {
                self.most = listing::MOST;
                self.state = State::Listed(listing.version().to_owned());
                return Ok(Some(Event::InitDone));
            }
            Err(error) => {
                // It may be that so large a page takes longer than the API server allows.
                self.most = (listing.limit() / 2).max(1);
                return Err(Error::InitialListFailed(error));
            }
        };
        self.state = State::Paged(listing);
        Ok(Some(event))
    }

    async fn begin_watch(&mut self, version: String) -> Step<K> {
        match self.api.watch(&WatchParams::default(), &version).await {
            Ok(watch) => {
                self.state = State::Watched(version, watch.boxed());
                Ok(None)
            }
            Err(error) => {
                // kube-apiserver says that a version is lost in the stream, proxies say it here.
                if !matches!(&error, kube::Error::Api(status) if status.code == GONE) {
                    self.state = State::Listed(version);
                }
                Err(Error::WatchStartFailed(error))
            }
        }
    }

    async fn watched(&mut self, version: String, mut watch: Watch<K>) -> Step<K> {
        let (event, version) = match watch.next().await {
            Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                let version = version_of(&object)?;
                (Some(Event::Apply(object)), version)
            }
            Some(Ok(WatchEvent::Deleted(object))) => {
                let version = version_of(&object)?;
                (Some(Event::Delete(object)), version)
            }
            Some(Ok(WatchEvent::Bookmark(bookmark))) => (None, bookmark.metadata.resource_version),
            Some(Ok(WatchEvent::Error(status))) => {
                if status.code != GONE {
                    self.state = State::Listed(version);
                }
                return Err(Error::WatchError(status.boxed()));
            }
            // What could not be read is read again, from the version before it.
            Some(Err(error)) => {
                self.state = State::Listed(version);
                return Err(Error::WatchFailed(error));
            }
            None => {
                self.state = State::Listed(version);
                return Ok(None);
            }
        };
        self.state = State::Watched(version, watch);
        Ok(event)
    }
}

/// Between two calls of which the first has failed, as often as that. Replicas that lose the API server
/// together do not come back together.
fn backoff(failures: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(DOUBLINGS)).min(LONGEST_PAUSE);
    pause.mul_f64(1.0 + clock::fraction())
}

fn version_of<K: Slim>(object: &Wire<K>) -> Result<String, Error> {
    let version = k8s_openapi::Metadata::metadata(object).resource_version.clone();
    version.filter(|version| !version.is_empty()).ok_or(Error::NoResourceVersion)
}

/// The annotation of the bookmark that ends a streamed list.
const END_OF_LIST: &str = "k8s.io/initial-events-end";

/// HTTP 410: the version is no longer known.
const GONE: u16 = 410;

/// As `kube::runtime::watcher` waits.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const DOUBLINGS: u32 = 6;
