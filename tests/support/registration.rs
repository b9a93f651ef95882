//! Webhook configurations, bound to the namespaces of one test so that tests do not disturb
//! each other, and removed with it.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use super::{
    audit,
    control_plane::ControlPlane,
    manifest::{job, merged},
    namespace::Namespace,
    wait::eventually,
};

/// Holds a registered configuration.
pub struct Registration<'a> {
    plane: &'a ControlPlane,
    collection: &'static str,
    pub name: String,
}

/// How to reach a webhook, and for which namespaces.
#[derive(Clone, Debug)]
pub struct Endpoint {
    target: Value,
    /// In base64.
    bundle: String,
}

// === impl Endpoint ===

impl Endpoint {
    /// A URL on loopback, which the API server calls over HTTP/2.
    pub fn url(address: SocketAddr, bundle: &str) -> Self {
        let target = json!({"url": format!("https://{address}/mutate")});
        Self { target, bundle: bundle.to_owned() }
    }

    /// The same address behind a Service, as in production: over HTTP/1.1, with the name of the
    /// Service asked for in TLS. There is no network of a cluster here, but the API server follows
    /// an external name by itself.
    pub fn service(plane: &ControlPlane, address: SocketAddr, bundle: &str) -> Self {
        let space = Namespace::open(plane, SERVICES, &json!({}));
        let name = format!("curfew-{}", address.port());
        let body = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        });
        plane.api.post(&format!("/api/v1/namespaces/{}/services", space.name), &body).ok();
        let target = json!({"service": {
            "namespace": space.name,
            "name": name,
            "path": "/mutate",
            "port": address.port(),
        }});
        Self { target, bundle: bundle.to_owned() }
    }
}

// === impl Registration ===

impl<'a> Registration<'a> {
    /// Registers webhooks for these namespaces and waits until they are called.
    pub fn new(name: &str, namespaces: &[&Namespace<'a>], webhooks: &[Value]) -> Self {
        let registration = Self::without_waiting(name, namespaces, webhooks);
        for namespace in namespaces {
            registration.wait(namespace);
        }
        registration
    }

    /// For webhooks that no Job's creation reaches.
    pub fn without_waiting(name: &str, namespaces: &[&Namespace<'a>], webhooks: &[Value]) -> Self {
        Self::register(MUTATING, name, namespaces, webhooks)
    }

    /// Registers webhooks that may refuse; the test waits for them as it likes.
    pub fn validating(name: &str, namespaces: &[&Namespace<'a>], webhooks: &[Value]) -> Self {
        Self::register(VALIDATING, name, namespaces, webhooks)
    }

    fn register(
        (kind, collection): (&str, &'static str),
        name: &str,
        namespaces: &[&Namespace<'a>],
        webhooks: &[Value],
    ) -> Self {
        let plane = namespaces.first().expect("a test has a namespace").plane;
        let names: Vec<&str> = namespaces.iter().map(|space| space.name.as_str()).collect();
        let scope = json!({"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": names},
        ]}});
        let webhooks: Vec<Value> =
            webhooks.iter().map(|webhook| merged(webhook.clone(), scope.clone())).collect();
        let name = format!("{name}.{}", names[0]);
        let body = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name},
            "webhooks": webhooks,
        });
        plane.api.post(collection, &body).ok();
        Self { plane, collection, name }
    }

    /// Sends dry runs until one of them has met the webhook: the API server learns of it by a watch.
    fn wait(&self, namespace: &Namespace<'_>) {
        eventually(&format!("{} is called", self.name), LIMIT, || {
            let probe =
                namespace.dry_run(&job("probe", json!({"metadata": {"labels": {PROBE: "yes"}}})));
            let annotations = self.plane.audit.annotations(&probe);
            let called = !audit::calls(&annotations, &self.name).is_empty();
            (called || audit::failed_open(&annotations)).then_some(())
        });
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        let path = format!("{}/{}", self.collection, self.name);
        let delete = self.plane.api.send("DELETE", &path, "application/json", Vec::new());
        // A test that fails already must not fail again in here.
        let _ = super::wait::runtime().block_on(delete);
    }
}

/// The two webhooks of the chart: every defaulted field written out, and the conditions that spare
/// calls which could change nothing.
pub fn curfew(endpoint: &Endpoint) -> Vec<Value> {
    [("jobs", JOB_CHANGED), ("cronjobs", CRON_JOB_CHANGED)]
        .map(|(resource, changed)| {
            let webhook = webhook(&format!("{resource}.curfew.dev"), endpoint, resource);
            merged(
                webhook,
                json!({"matchConditions": [
                    {"name": "not-being-deleted", "expression": NOT_BEING_DELETED},
                    {"name": "changed", "expression": changed},
                ]}),
            )
        })
        .to_vec()
}

/// The same without conditions, so that every CREATE and UPDATE arrives.
pub fn curfew_unconditional(endpoint: &Endpoint) -> Vec<Value> {
    let names = ["jobs", "cronjobs"];
    names.map(|resource| webhook(&format!("{resource}.curfew.dev"), endpoint, resource)).to_vec()
}

/// One webhook for CREATE and UPDATE of a resource of `batch/v1`.
pub fn webhook(name: &str, endpoint: &Endpoint, resource: &str) -> Value {
    json!({
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": merged(endpoint.target.clone(), json!({"caBundle": endpoint.bundle})),
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "IfNeeded",
        "rules": [{
            "apiGroups": ["batch"],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": [resource],
            "scope": "Namespaced",
        }],
        "sideEffects": "None",
        // The chart has 2; a machine that builds something beside the tests may need longer.
        "timeoutSeconds": 10,
    })
}

/// The webhook that has the policy reviewed that is in the `ConfigMap` of that name.
pub fn policy_review(endpoint: &Endpoint, map: &str) -> Value {
    let url = endpoint.target["url"].as_str().expect("the webhook is called by its URL");
    let url = url.replace("/mutate", "/guard");
    json!({
        "name": "policy.curfew.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": endpoint.bundle},
        "failurePolicy": "Ignore",
        "matchConditions": [
            {"name": "the-policy", "expression": format!("request.name == '{map}'")},
        ],
        "matchPolicy": "Equivalent",
        "rules": [{
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"],
            "scope": "Namespaced",
        }],
        "sideEffects": "None",
        "timeoutSeconds": 10,
    })
}

/// The label of the dry runs that ask whether a webhook is called, for webhooks that select.
pub const PROBE: &str = "example.test/probe";

/// The namespace of the Services; certificates are for all names in it.
pub const SERVICES: &str = "curfew-services";

const MUTATING: (&str, &str) = (
    "MutatingWebhookConfiguration",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
);

const VALIDATING: (&str, &str) = (
    "ValidatingWebhookConfiguration",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
);

const LIMIT: Duration = Duration::from_secs(30);

pub const NOT_BEING_DELETED: &str = "!has(object.metadata.deletionTimestamp)";

pub const JOB_CHANGED: &str = "\
oldObject == null \
|| object.metadata.?labels != oldObject.metadata.?labels \
|| object.metadata.?annotations != oldObject.metadata.?annotations \
|| object.spec.?ttlSecondsAfterFinished != oldObject.spec.?ttlSecondsAfterFinished";

pub const CRON_JOB_CHANGED: &str = "\
oldObject == null \
|| object.metadata.?labels != oldObject.metadata.?labels \
|| object.metadata.?annotations != oldObject.metadata.?annotations \
|| object.spec.jobTemplate.?metadata != oldObject.spec.jobTemplate.?metadata \
|| object.spec.jobTemplate.spec.template.?metadata != oldObject.spec.jobTemplate.spec.template.?metadata \
|| object.spec.jobTemplate.spec.?ttlSecondsAfterFinished \
  != oldObject.spec.jobTemplate.spec.?ttlSecondsAfterFinished \
|| object.spec.?successfulJobsHistoryLimit != oldObject.spec.?successfulJobsHistoryLimit \
|| object.spec.?failedJobsHistoryLimit != oldObject.spec.?failedJobsHistoryLimit";
