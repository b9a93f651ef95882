//! The exported objects as the API server reads them (`admissionregistration.k8s.io`).

use serde::Serialize;
use serde_json::{Value, json};

use crate::policy::{Policy, SYSTEM_NAMESPACES};

use super::Wish;
use super::sheet::Variable;

/// An object of this group.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported<S> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: S,
}

/// A `MutatingAdmissionPolicy`.
pub type MutatingPolicy = Exported<PolicySpec>;

/// A `MutatingAdmissionPolicyBinding`, for all namespaces.
pub type Binding = Exported<Value>;

#[derive(Debug, Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    failure_policy: &'static str,
    reinvocation_policy: &'static str,
    match_constraints: Value,
    match_conditions: [Variable; 1],
    variables: Vec<Variable>,
    mutations: [Mutation; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mutation {
    patch_type: &'static str,
    json_patch: Value,
}

// === impl MutatingPolicy ===

impl MutatingPolicy {
    pub(super) fn new(
        policy: &Policy,
        wish: Wish<'_>,
        variables: Vec<Variable>,
        patch: &str,
    ) -> Self {
        let Wish { name, own_namespace, served } = wish;
        let spared = SYSTEM_NAMESPACES.into_iter().chain(own_namespace);
        let of_no_cronjob = Variable {
            name: "not-made-by-a-cronjob".to_owned(),
            expression: OF_NO_CRONJOB.to_owned(),
        };
        Self {
            api_version: served.api_version(),
            kind: "MutatingAdmissionPolicy",
            metadata: Metadata {
                name: name.to_owned(),
                annotations: Some(json!({
                    "curfew.dev/policy": policy.name,
                    "curfew.dev/revision": policy.revision,
                })),
            },
            spec: PolicySpec {
                failure_policy: "Ignore",
                reinvocation_policy: "IfNeeded",
                match_constraints: json!({
                    "matchPolicy": "Equivalent",
                    "namespaceSelector": {
                        "matchExpressions": [{
                            "key": "kubernetes.io/metadata.name",
                            "operator": "NotIn",
                            "values": spared.collect::<Vec<_>>(),
                        }],
                    },
                    "resourceRules": [{
                        "apiGroups": ["batch"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["jobs", "cronjobs"],
                        "scope": "Namespaced",
                    }],
                }),
                match_conditions: [of_no_cronjob],
                variables,
                mutations: [Mutation {
                    patch_type: "JSONPatch",
                    json_patch: json!({"expression": patch}),
                }],
            },
        }
    }
}

// === impl Binding ===

impl Binding {
    pub(super) fn new(wish: Wish<'_>) -> Self {
        let Wish { name, served, .. } = wish;
        Self {
            api_version: served.api_version(),
            kind: "MutatingAdmissionPolicyBinding",
            metadata: Metadata { name: name.to_owned(), annotations: None },
            spec: json!({"policyName": name}),
        }
    }
}

/// A Job of a `CronJob` keeps what it inherited.
const OF_NO_CRONJOB: &str = "\
request.kind.kind == 'CronJob'
|| !object.metadata.?ownerReferences.orValue([]).exists(owner,
  owner.kind == 'CronJob' && owner.apiVersion.startsWith('batch/'))";
