//! The calls by which a `CronJob` is started: two reads, a creation, a deletion, and a status.
//!
//! Reads are of what the API server has stored, and not of a watch. Every write but a creation
//! names uid and resource version; a creation has its name for a lock. What to make of an answer is
//! for whoever calls.

use bytes::Bytes;
use http::{Method, Request, header};
use kube::Client;
use kube::client::Body;
use serde_json::Value as Json;

use super::slim::{CronJob, Decoder, Job, Keep, MANAGER, Slim, Wire};
use super::write::{CallError, Change, Target, WriteOutcome, call, change};
use crate::batch::Kind;
use crate::policy::rule::Propagation;

/// Makes the calls.
#[derive(Clone)]
pub struct Starter(pub Client);

/// Why there is no new Job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NotCreated {
    /// There is one of the name.
    Exists,
    /// Nothing can be created in a namespace that is being deleted.
    Terminating(String),
    Failed(WriteOutcome),
}

// === impl Starter ===

impl Starter {
    /// Reads a `CronJob`, with its template; `None` where it is not there.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn cronjob(
        &self,
        namespace: &str,
        name: &str,
        keep: &Keep,
    ) -> Result<Option<CronJob>, WriteOutcome> {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}");
        found(self.send(Method::GET, &path, None).await, &keep.with_template())
    }

    /// Reads a Job; `None` where it is not there.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn job(&self, namespace: &str, name: &str) -> Result<Option<Job>, WriteOutcome> {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs/{name}");
        found(self.send(Method::GET, &path, None).await, &Keep::default())
    }

    /// Creates a Job.
    ///
    /// # Errors
    /// Where there is no new one, or nobody knows.
    pub async fn create(&self, namespace: &str, job: &Json) -> Result<Job, NotCreated> {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs?fieldManager={MANAGER}");
        let body = self.send(Method::POST, &path, Some(job)).await.map_err(NotCreated::of)?;
        decoded(&body, &Keep::default()).map_err(NotCreated::Failed)
    }

    /// Writes members of the status of a `CronJob`, as it was judged; gives what is stored then.
    ///
    /// # Errors
    /// Where it was not written, or nobody knows.
    pub async fn write_status(
        &self,
        cronjob: &CronJob,
        members: Json,
        keep: &Keep,
    ) -> Result<CronJob, WriteOutcome> {
        let target = Target::new(Kind::CronJob, &cronjob.meta);
        let request = target.request(&Change::Status(members)).map_err(WriteOutcome::Failed)?;
        decoded(&call(&self.0, request).await?, keep)
    }

    /// Deletes the very Job that was judged. Its Pods go with it, in the background.
    pub async fn delete(&self, target: &Target) -> WriteOutcome {
        change(&self.0, target, &Change::Delete(Propagation::Background)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Bytes, CallError> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Body::from(body))
            .expect("decisions name stored objects, and of a status only what can be a name");
        call(&self.0, request).await
    }
}

// === impl NotCreated ===

impl NotCreated {
    fn of(rejection: CallError) -> Self {
        // A quota that was changed meanwhile is a 409, too.
        if rejection.said.reason == "AlreadyExists" {
            return Self::Exists;
        }
        let causes = rejection.said.details.iter().flat_map(|details| &details.causes);
        if causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating") {
            return Self::Terminating(rejection.why);
        }
        Self::Failed(rejection.into())
    }
}

fn found<K: Slim>(
    answer: Result<Bytes, CallError>,
    keep: &Keep,
) -> Result<Option<K>, WriteOutcome> {
    match answer.map_err(WriteOutcome::from) {
        Ok(body) => decoded(&body, keep).map(Some),
        Err(WriteOutcome::Gone) => Ok(None),
        Err(outcome) => Err(outcome),
    }
}

fn decoded<K: Slim>(body: &[u8], keep: &Keep) -> Result<K, WriteOutcome> {
    let wire: Wire<K> = serde_json::from_slice(body)
        .map_err(|error| WriteOutcome::Retry { after: None, why: error.to_string() })?;
    let mut decoder = Decoder { keep: keep.clone().into(), ..Decoder::default() };
    wire.decode(&mut decoder).map_err(WriteOutcome::Failed)
}
