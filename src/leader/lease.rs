//! The Lease, as the election reads and writes it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease as Object, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::time::timeout;

use super::LeaderElectionRecord;
use crate::telemetry::chain;

/// A Lease as it was read: its record, and all the rest, which is written back as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lease(Object);

/// Why a call did not do what it was to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LeaseError {
    /// It is there already, or was changed, or is gone: to be read again.
    #[error("the lease was changed by somebody else")]
    Conflict,
    #[error("{0}")]
    Failed(String),
}

/// Where the Lease lies.
pub trait ResourceLock: Send + Sync {
    /// Reads it; `None` where there is none.
    fn read(&self) -> impl Future<Output = Result<Option<Lease>, LeaseError>> + Send;

    /// Makes it, if there is none.
    fn create(
        &self,
        record: &LeaderElectionRecord,
    ) -> impl Future<Output = Result<Lease, LeaseError>> + Send;

    /// Writes another record, if it is still as it was read.
    fn replace(
        &self,
        lease: &Lease,
        record: &LeaderElectionRecord,
    ) -> impl Future<Output = Result<Lease, LeaseError>> + Send;
}

/// A Lease in a cluster. Needs get, create and update of `leases`.
#[derive(Clone, Debug)]
pub struct LeaseLock {
    api: Api<Object>,
    name: String,
}

// === impl Lease ===

impl Lease {
    /// A Lease of this name that says this.
    pub fn new(name: &str, record: &LeaderElectionRecord) -> Self {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        Self(Object { metadata, spec: None }).with(record)
    }

    /// What it says.
    pub fn record(&self) -> LeaderElectionRecord {
        let Some(spec) = &self.0.spec else { return LeaderElectionRecord::default() };
        let seconds = spec.lease_duration_seconds.and_then(|s| u64::try_from(s).ok());
        LeaderElectionRecord {
            holder: spec.holder_identity.clone().unwrap_or_default(),
            duration: seconds.filter(|s| *s > 0).map(Duration::from_secs),
            acquired: spec.acquire_time.as_ref().map(|time| time.0),
            renewed: spec.renew_time.as_ref().map(|time| time.0),
            transitions: spec.lease_transitions.unwrap_or_default(),
        }
    }

    /// What others have written beside the record: the sweeper keeps its brake there.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.0.metadata.annotations.as_ref().unwrap_or(&NONE)
    }

    /// The same with another record.
    #[must_use]
    pub fn with(&self, record: &LeaderElectionRecord) -> Self {
        let LeaderElectionRecord { holder, duration, acquired, renewed, transitions } = record;
        let seconds = duration.map_or(1, |duration| duration.as_secs());
        let mut object = self.0.clone();
        object.spec = Some(LeaseSpec {
            holder_identity: Some(holder.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX).max(1)),
            acquire_time: acquired.map(MicroTime),
            renew_time: renewed.map(MicroTime),
            lease_transitions: Some(*transitions),
            ..object.spec.unwrap_or_default()
        });
        Self(object)
    }
}

// === impl LeaseLock ===

impl LeaseLock {
    /// The Lease `name` in a namespace, which is our own.
    pub fn new(client: kube::Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }

    /// Writes annotations beside the record, or takes them away, as long as `holder` leads; needs
    /// get and patch of `leases`. The election reads them with its next renewal.
    ///
    /// # Errors
    /// Where another leads, or the API server refuses it or does not answer; nothing is known then
    /// of what is there.
    pub async fn annotate(
        &self,
        holder: &str,
        annotations: &BTreeMap<&'static str, Option<String>>,
    ) -> Result<(), LeaseError> {
        let all = async {
            for _ in 0..TRIES {
                let lease = self.read().await?.ok_or(LeaseError::Conflict)?;
                if lease.record().holder != holder {
                    return Err(LeaseError::Failed("another one leads".to_owned()));
                }
                // Whoever becomes leader in between has changed the version.
                let version = &lease.0.metadata.resource_version;
                let patch = Patch::Merge(json!({
                    "metadata": {"resourceVersion": version, "annotations": annotations},
                }));
                let params = PatchParams::default();
                match self.api.patch_metadata(&self.name, &params, &patch).await {
                    Ok(_) => return Ok(()),
                    // The election renews beside us.
                    Err(kube::Error::Api(status)) if status.code == 409 => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(LeaseError::Conflict)
        };
        within(LIMIT, all).await
    }

    /// Writes annotations, or takes them away, whoever leads; needs patch of `leases`.
    ///
    /// # Errors
    /// [`LeaseError::Conflict`] where there is no Lease; else as [`LeaseLock::annotate`].
    pub async fn tell(
        &self,
        annotations: &BTreeMap<String, Option<String>>,
    ) -> Result<(), LeaseError> {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let params = PatchParams::default();
        let call = self.api.patch_metadata(&self.name, &params, &patch);
        within(LIMIT, call).await.map(drop)
    }
}

impl ResourceLock for LeaseLock {
    async fn read(&self) -> Result<Option<Lease>, LeaseError> {
        let found = self.api.get_opt(&self.name).await.map_err(LeaseError::from)?;
        Ok(found.map(Lease))
    }

    async fn create(&self, record: &LeaderElectionRecord) -> Result<Lease, LeaseError> {
        let Lease(object) = Lease::new(&self.name, record);
        Ok(Lease(self.api.create(&PostParams::default(), &object).await?))
    }

    async fn replace(
        &self,
        lease: &Lease,
        record: &LeaderElectionRecord,
    ) -> Result<Lease, LeaseError> {
        let Lease(object) = lease.with(record);
        Ok(Lease(self.api.replace(&self.name, &PostParams::default(), &object).await?))
    }
}

// === impl LeaseError ===

impl From<kube::Error> for LeaseError {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => Self::Conflict,
            _ => Self::Failed(chain(&error)),
        }
    }
}

/// The answer to a call, if it comes in time.
pub(super) async fn within<T, E: Into<LeaseError>>(
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, LeaseError> {
    match timeout(limit, call).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_late) => Err(LeaseError::Failed(format!("no answer within {limit:?}"))),
    }
}

/// Of one call, which must not keep a leader from noticing that it no longer is one.
const LIMIT: Duration = Duration::from_secs(4);

/// The election writes every two seconds: twice in a row is bad luck.
const TRIES: usize = 3;
