//! A command at a real cluster: the way to it, and what it reads there.
//!
//! [`Live`] asks the API server, as kubectl would, and takes objects as JSON. What cannot be read
//! is [`Unread`], which says whether that is for want of rights; a command that cannot go on
//! without turns it into [`OutOfReach`], and so into an exit code of its own.

pub mod lease;
pub mod listing;
pub mod name;
pub mod policy;
pub mod surroundings;

use std::time::Duration;

use jiff::Timestamp;
use kube::api::{GetParams, ListParams, Patch, PatchParams};
use kube::core::Request;
use serde_json::Value as Json;

use crate::cli::shared::Connection;
use crate::cluster::connect::{Cluster, Habit};
use crate::cluster::listing::{Listing, MOST};
use crate::cluster::slim::MANAGER;
use crate::telemetry::chain;

/// A cluster that is asked.
#[derive(Debug)]
pub struct Live {
    pub cluster: Cluster,
}

/// The cluster is out of reach, forbids it, or could be read in part only.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct OutOfReach(pub String);

/// Why something could not be read or written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unread {
    /// It is not there (404).
    #[error("it is not there")]
    Absent,
    /// The API server makes no sense of the question (400).
    #[error("{0}")]
    Nonsense(String),
    /// We may not (401, 403); the text is the API server's.
    #[error("not permitted: {0}")]
    NotPermitted(String),
    /// No answer, or one that helps nobody.
    #[error("{0}")]
    Failed(String),
}

/// Runs what a command does at a cluster. Commands are short and do one thing after the other:
/// this thread is enough.
///
/// # Errors
/// Where there can be no runtime, and those of the command.
pub fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

// === impl Live ===

impl Live {
    /// Finds the cluster as kubectl does; calls nothing yet.
    ///
    /// # Errors
    /// Where there is none, or its configuration cannot be read.
    pub async fn connect(connection: &Connection) -> Result<Self, OutOfReach> {
        match Cluster::connect(&connection.choice(), Habit::Kubectl).await {
            Ok(cluster) => Ok(Self { cluster }),
            Err(error) => Err(OutOfReach(chain(&error))),
        }
    }

    /// The time on the API server's clock, in the whole seconds that the API knows.
    pub fn now(&self) -> Timestamp {
        let now = self.cluster.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Reads one object of a collection such as `/api/v1/namespaces`.
    ///
    /// # Errors
    /// [`Unread::Absent`] where there is none of this name, and the others.
    pub async fn get(&self, collection: &str, name: &str) -> Result<Json, Unread> {
        self.call(Request::new(collection).get(name, &GetParams::default())).await
    }

    /// Reads a collection object by object, all of the same moment, each with about how many come
    /// after it, where the API server says so. Whoever takes the objects must forget them
    /// where a later one is an error: a part is not the whole.
    ///
    /// # Errors
    /// Where a page cannot be read.
    pub async fn list(
        &self,
        collection: &str,
        narrowed: &ListParams,
        mut each: impl FnMut(Json, u64),
    ) -> Result<(), Unread> {
        let client = self.cluster.client.clone();
        let mut listing = Listing::new(client, collection, narrowed, MOST);
        while let Some(json) = self.in_time(listing.next()).await? {
            let object = serde_json::from_str(json).map_err(|e| Unread::Failed(chain(&e)))?;
            each(object, listing.left());
        }
        Ok(())
    }

    /// The same, as one.
    ///
    /// # Errors
    /// As [`Live::list`].
    pub async fn all(&self, collection: &str, narrowed: &ListParams) -> Result<Vec<Json>, Unread> {
        let mut all = Vec::new();
        self.list(collection, narrowed, |object, _left| all.push(object)).await?;
        Ok(all)
    }

    /// Replaces members of an object; `null` removes one.
    ///
    /// # Errors
    /// Where that is not done, or nobody knows.
    pub async fn merge(
        &self,
        collection: &str,
        name: &str,
        members: &Json,
    ) -> Result<Json, Unread> {
        let parameters =
            PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.call(Request::new(collection).patch(name, &parameters, &Patch::Merge(members))).await
    }

    async fn call(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Json, Unread> {
        let request = request.map_err(|error| Unread::Nonsense(chain(&error)))?;
        self.in_time(self.cluster.client.request(request)).await
    }

    async fn in_time<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, Unread> {
        match tokio::time::timeout(LIMIT, call).await {
            Ok(answer) => answer.map_err(|error| Unread::of(&error)),
            Err(_late) => {
                let url = &self.cluster.url;
                Err(Unread::Failed(format!("no answer from {url} within {LIMIT:?}")))
            }
        }
    }
}

// === impl Unread ===

impl Unread {
    /// The same as the end of a command: `what` could not be done.
    pub fn about(&self, what: &str) -> OutOfReach {
        OutOfReach(format!("{what}: {self}"))
    }

    fn of(error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else { return Self::Failed(chain(error)) };
        let said = if status.message.is_empty() { &status.reason } else { &status.message };
        match status.code {
            400 | 422 => Self::Nonsense(said.clone()),
            401 | 403 => Self::NotPermitted(said.clone()),
            404 => Self::Absent,
            code => Self::Failed(format!("HTTP {code}: {said}")),
        }
    }
}

/// The collection of namespaces.
pub const NAMESPACES: &str = "/api/v1/namespaces";

/// For one call, or the next object of a list: a large one takes a while over a slow line.
const LIMIT: Duration = Duration::from_secs(60);
