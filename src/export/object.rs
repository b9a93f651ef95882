//! The exported objects as the API server reads them (`admissionregistration.k8s.io`).

use serde::Serialize;

use crate::policy::{Policy, SYSTEM_NAMESPACES};

use super::Wish;
use super::sheet::Variable;

/// A `MutatingAdmissionPolicy`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MutatingPolicy {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: PolicySpec,
}

/// A `MutatingAdmissionPolicyBinding`, for all namespaces.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: BindingSpec,
}

#[derive(Debug, Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Annotations>,
}

#[derive(Debug, Serialize)]
struct Annotations {
    #[serde(rename = "curfew.dev/policy")]
    policy: String,
    #[serde(rename = "curfew.dev/revision")]
    revision: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicySpec {
    failure_policy: &'static str,
    reinvocation_policy: &'static str,
    match_constraints: MatchConstraints,
    match_conditions: [Variable; 1],
    variables: Vec<Variable>,
    mutations: [Mutation; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchConstraints {
    match_policy: &'static str,
    namespace_selector: NamespaceSelector,
    resource_rules: [ResourceRule; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceSelector {
    match_expressions: [Expression; 1],
}

#[derive(Debug, Serialize)]
struct Expression {
    key: &'static str,
    operator: &'static str,
    values: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceRule {
    api_groups: [&'static str; 1],
    api_versions: [&'static str; 1],
    operations: [&'static str; 1],
    resources: [&'static str; 2],
    scope: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mutation {
    patch_type: &'static str,
    json_patch: JsonPatch,
}

#[derive(Debug, Serialize)]
struct JsonPatch {
    expression: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BindingSpec {
    policy_name: String,
}

// === impl MutatingPolicy ===

impl MutatingPolicy {
    pub(super) fn new(
        policy: &Policy,
        wish: Wish<'_>,
        variables: Vec<Variable>,
        patch: String,
    ) -> Self {
        let Wish { name, own_namespace, served } = wish;
        let mut spared = SYSTEM_NAMESPACES.map(str::to_owned).to_vec();
        spared.extend(own_namespace.map(str::to_owned));
        let of_no_cronjob = Variable {
            name: "not-made-by-a-cronjob".to_owned(),
            expression: OF_NO_CRONJOB.to_owned(),
        };
        Self {
            api_version: served.api_version(),
            kind: "MutatingAdmissionPolicy",
            metadata: Metadata {
                name: name.to_owned(),
                annotations: Some(Annotations {
                    policy: policy.name.clone(),
                    revision: policy.revision.clone(),
                }),
            },
            spec: PolicySpec {
                failure_policy: "Ignore",
                reinvocation_policy: "IfNeeded",
                match_constraints: MatchConstraints {
                    match_policy: "Equivalent",
                    namespace_selector: NamespaceSelector {
                        match_expressions: [Expression {
                            key: "kubernetes.io/metadata.name",
                            operator: "NotIn",
                            values: spared,
                        }],
                    },
                    resource_rules: [ResourceRule {
                        api_groups: ["batch"],
                        api_versions: ["v1"],
                        operations: ["CREATE"],
                        resources: ["jobs", "cronjobs"],
                        scope: "Namespaced",
                    }],
                },
                match_conditions: [of_no_cronjob],
                variables,
                mutations: [Mutation {
                    patch_type: "JSONPatch",
                    json_patch: JsonPatch { expression: patch },
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
            spec: BindingSpec { policy_name: name.to_owned() },
        }
    }
}

/// A Job of a `CronJob` keeps what it inherited.
const OF_NO_CRONJOB: &str = "\
request.kind.kind == 'CronJob'
|| !object.metadata.?ownerReferences.orValue([]).exists(owner,
  owner.kind == 'CronJob' && owner.apiVersion.startsWith('batch/'))";
