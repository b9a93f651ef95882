//! The pair that replicas share: kept in one Secret, renewed by the leader, shown by everybody, and
//! trusted by the API server through the webhook objects.
//!
//! What is next is [`crate::pki::rotation`]'s to say. Here it is carried out: every write is of the
//! Secret as it was read, so replicas that begin together make one pair, and of the webhook objects
//! nothing but the `caBundle` is ever written.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Request as ApiRequest;
use kube::{Api, Client};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::cluster::clock_offset::ServerClock;
use crate::leader::LeaderStatus;
use crate::pki::rotation::{CertificateSecret, RotationStep, next};
use crate::pki::{CertificateRequest, Pair};
use crate::telemetry::chain;

/// Where the pair is kept, and what it is for.
#[derive(Clone)]
pub struct Certificates {
    pub client: Client,
    pub clock: ServerClock,
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// The names that clients call us by.
    pub names: Vec<String>,
    /// The webhook objects that have to trust the pair.
    pub webhooks: Vec<WebhookObject>,
}

/// A webhook object by its collection and name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WebhookObject {
    /// `mutatingwebhookconfigurations` or `validatingwebhookconfigurations`.
    pub resource: &'static str,
    pub name: String,
}

/// Why there is no pair, or it could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    #[error("cannot read Secret {secret}: {source}")]
    Read { secret: String, source: Box<kube::Error> },
    #[error("cannot write Secret {secret}: {source}")]
    Write { secret: String, source: Box<kube::Error> },
    #[error("cannot make a certificate")]
    Issue(#[from] crate::pki::IssueError),
    #[error("no answer from the API server within {LIMIT:?}")]
    Late,
}

// === impl Certificates ===

impl Certificates {
    /// A pair to begin with: the one that is kept, or a new one. Whoever writes first wins.
    pub async fn establish(&self) -> Pair {
        loop {
            match self.step(true).await {
                Ok(kept) => {
                    if let Some(pair) = self.pair(&kept) {
                        return pair;
                    }
                }
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(error, "no certificate yet; it is tried again");
                }
            }
            sleep(PERIOD).await;
        }
    }

    /// Shows each pair that is kept through `show`, and while this replica leads keeps it good,
    /// until `stop`.
    pub async fn run(
        self,
        standing: watch::Receiver<LeaderStatus>,
        show: impl Fn(Pair) + Send,
        stop: CancellationToken,
    ) {
        let mut shown = String::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(PERIOD) => {}
            }
            let leads = standing.borrow().leading;
            let kept = match self.step(leads).await {
                Ok(kept) => kept,
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(error, "the certificate could not be looked after");
                    continue;
                }
            };
            if kept.certificate != shown
                && let Some(pair) = self.pair(&kept)
            {
                shown.clone_from(&kept.certificate);
                show(pair);
            }
            if leads {
                self.tell_webhooks(&kept.ca).await;
            }
        }
    }

    /// What is kept now; takes the steps that are due, where it may.
    async fn step(&self, may_write: bool) -> Result<CertificateSecret, CertificatesError> {
        let (mut kept, mut version) = self.read().await?;
        if !may_write {
            return Ok(kept);
        }
        for _ in 0..STEPS {
            let request = CertificateRequest { names: self.names.clone(), now: self.clock.now() };
            let RotationStep::Keep(fresh, what) = next(&kept, &request)? else { break };
            let Some(written) = self.write(&fresh, version.as_deref()).await? else {
                // Somebody was quicker.
                (kept, version) = self.read().await?;
                continue;
            };
            tracing::info!(secret = self.secret, "{what} is kept");
            (kept, version) = (*fresh, Some(written));
        }
        Ok(kept)
    }

    /// The pair, if it can be shown: a bad one never replaces a good one.
    fn pair(&self, kept: &CertificateSecret) -> Option<Pair> {
        let now: Timestamp = self.clock.now();
        let pair = Pair::from_pem(kept.certificate.as_bytes(), kept.key.as_bytes(), now);
        pair.inspect_err(|error| tracing::warn!(%error, "the Secret's pair is not shown")).ok()
    }

    async fn read(&self) -> Result<(CertificateSecret, Option<String>), CertificatesError> {
        let found = within(self.secrets().get_opt(&self.secret)).await?;
        let failed = |source: kube::Error| CertificatesError::Read {
            secret: self.secret.clone(),
            source: Box::new(source),
        };
        let Some(found) = found.map_err(failed)? else {
            return Ok((CertificateSecret::default(), None));
        };
        let data = found.data.unwrap_or_default();
        let kept =
            CertificateSecret::from_data(|key| data.get(key).map(|value| value.0.as_slice()));
        Ok((kept, found.metadata.resource_version))
    }

    /// Writes the Secret as it was read; gives its new version, or `None` where it was changed.
    async fn write(
        &self,
        kept: &CertificateSecret,
        version: Option<&str>,
    ) -> Result<Option<String>, CertificatesError> {
        let data: BTreeMap<String, ByteString> =
            kept.data().into_iter().map(|(k, v)| (k, ByteString(v.into_bytes()))).collect();
        let api = self.secrets();
        let answer = if let Some(version) = version {
            let patch = json!({"metadata": {"resourceVersion": version}, "data": data});
            let params = PatchParams::default();
            within(api.patch(&self.secret, &params, &Patch::Merge(patch))).await?
        } else {
            let metadata = ObjectMeta { name: Some(self.secret.clone()), ..ObjectMeta::default() };
            let secret = Secret { metadata, data: Some(data), ..Secret::default() };
            within(api.create(&PostParams::default(), &secret)).await?
        };
        match answer {
            Ok(written) => Ok(written.metadata.resource_version),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(source) => {
                let secret = self.secret.clone();
                Err(CertificatesError::Write { secret, source: Box::new(source) })
            }
        }
    }

    /// Puts the bundle into the webhook objects where it is not there: at first, and wherever an
    /// upgrade or a tool has dropped it.
    async fn tell_webhooks(&self, bundle: &str) {
        let bundle = STANDARD.encode(bundle);
        for object in &self.webhooks {
            let WebhookObject { resource, name } = object;
            match within(self.tell_webhook(object, &bundle)).await {
                Ok(Ok(true)) => tracing::info!(resource, name, "caBundle written"),
                Ok(Ok(false)) => {}
                // What is not installed need not trust us; `curfew status` says that it is not.
                Ok(Err(kube::Error::Api(status))) if status.code == 404 => {}
                Ok(Err(error)) => {
                    let error = chain(&error);
                    tracing::warn!(resource, name, error, "caBundle could not be written");
                }
                Err(error) => tracing::warn!(resource, name, %error, "caBundle not written"),
            }
        }
    }

    /// Says whether something had to be written.
    async fn tell_webhook(
        &self,
        WebhookObject { resource, name }: &WebhookObject,
        bundle: &str,
    ) -> Result<bool, kube::Error> {
        let collection = format!("/apis/admissionregistration.k8s.io/v1/{resource}");
        let requests = ApiRequest::new(collection);
        let get = requests.get(name, &kube::api::GetParams::default());
        let object: Json = self.client.request(get.map_err(kube::Error::BuildRequest)?).await?;
        let operations = bundle_operations(&object, bundle);
        if operations.is_empty() {
            return Ok(false);
        }
        let patch: json_patch::Patch =
            serde_json::from_value(operations.into()).map_err(kube::Error::SerdeError)?;
        let patch: Patch<Json> = Patch::Json(patch);
        let patch = requests.patch(name, &PatchParams::default(), &patch);
        self.client.request::<Json>(patch.map_err(kube::Error::BuildRequest)?).await?;
        Ok(true)
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// What puts a bundle into each webhook of an object, in base64; the name is tested first, as
/// somebody may put another one in its place.
fn bundle_operations(object: &Json, bundle: &str) -> Vec<Json> {
    let webhooks = object["webhooks"].as_array().into_iter().flatten().enumerate();
    webhooks
        .filter(|(_, webhook)| webhook["clientConfig"]["caBundle"] != bundle)
        .flat_map(|(position, webhook)| {
            let path = format!("/webhooks/{position}");
            [
                json!({"op": "test", "path": format!("{path}/name"), "value": webhook["name"]}),
                json!({
                    "op": "add", "path": format!("{path}/clientConfig/caBundle"), "value": bundle,
                }),
            ]
        })
        .collect()
}

async fn within<T>(call: impl Future<Output = T>) -> Result<T, CertificatesError> {
    timeout(LIMIT, call).await.map_err(|_late| CertificatesError::Late)
}

/// A bundle that was dropped is back after this time, and another pair is shown.
const PERIOD: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(4);

/// An authority and a certificate are two.
const STEPS: usize = 4;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::bundle_operations;

    #[test]
    fn nothing_but_a_missing_bundle_is_written() {
        let object = json!({"webhooks": [
            {"name": "jobs.curfew.dev", "clientConfig": {"service": {}, "caBundle": "QQ=="}},
            {"name": "cronjobs.curfew.dev", "clientConfig": {"service": {}}},
        ]});
        assert_eq!(
            bundle_operations(&object, "QQ=="),
            [
                json!({"op": "test", "path": "/webhooks/1/name", "value": "cronjobs.curfew.dev"}),
                json!({"op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": "QQ=="}),
            ]
        );
        assert!(bundle_operations(&json!({}), "QQ==").is_empty());
    }
}
