//! A request, as far as curfew makes such.

use std::collections::BTreeMap;

use http::Method;
use kube::client::Body;
use serde_json::Value;

use super::store::{Key, Resource};

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Of all namespaces where it is `None`.
    List {
        resource: Resource,
        namespace: Option<String>,
    },
    Watch {
        resource: Resource,
    },
    Get(Key),
    Create(Key),
    Replace(Key),
    Patch(Key),
    PatchStatus(Key),
    Delete(Key),
    /// A `SelfSubjectAccessReview`.
    Access,
    /// An Event that is made, or counted up.
    Event {
        namespace: String,
        name: Option<String>,
    },
    /// The webhook's registration.
    Registration,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub asked: Asked,
    pub query: BTreeMap<String, String>,
    /// Only metadata is wanted.
    pub metadata_only: bool,
    pub is_json_patch: bool,
    pub body: Value,
}

// === impl Asked ===

impl Asked {
    /// The verb and the resource that it takes, where the bed can take that away.
    pub fn right(&self) -> Option<(&'static str, &'static str)> {
        let (verb, resource) = match self {
            Self::List { resource, .. } => ("list", *resource),
            Self::Patch(key) => ("patch", key.resource),
            Self::Delete(key) => ("delete", key.resource),
            Self::Event { name: None, .. } => return Some(("create", "events")),
            _ => return None,
        };
        match resource {
            Resource::CronJobs => Some((verb, "cronjobs")),
            Resource::Jobs => Some((verb, "jobs")),
            Resource::Leases | Resource::Namespaces => None,
        }
    }
}

// === impl Request ===

impl Request {
    /// # Panics
    /// Where curfew asks for something that the bed does not know: then the bed has to learn it.
    pub async fn read(request: http::Request<Body>) -> Self {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await.expect("a body in memory");
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let header = |name: http::HeaderName| {
            head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let query = query(head.uri.query().unwrap_or_default());
        let asked = asked(&head.method, head.uri.path(), &query, &body);
        Self {
            asked: asked.unwrap_or_else(|| {
                panic!("no such request is known: {} {}", head.method, head.uri)
            }),
            metadata_only: header(http::header::ACCEPT).contains("PartialObjectMetadata"),
            is_json_patch: header(http::header::CONTENT_TYPE).contains("json-patch"),
            query,
            body,
        }
    }

    /// The HTTP code of an answer that it is done.
    pub fn success(&self) -> u16 {
        match self.asked {
            Asked::Create(_) | Asked::Access | Asked::Event { name: None, .. } => 201,
            _ => 200,
        }
    }

    /// What is asked for, without what differs from one time to the next.
    pub fn place(&self) -> String {
        match &self.asked {
            Asked::Watch { resource } => format!("watch {resource:?}"),
            Asked::Patch(key) => format!("patch {key}"),
            Asked::Delete(key) => format!("delete {key}"),
            Asked::Event { namespace, .. } => format!("event in {namespace}"),
            _ => self.words(),
        }
    }

    /// In a few words, for the history.
    pub fn words(&self) -> String {
        match &self.asked {
            Asked::List { resource, namespace } => {
                let place = namespace.as_deref().unwrap_or("everywhere");
                let page = if self.query.contains_key("continue") { ", next page" } else { "" };
                format!("list {resource:?} {place}{page}")
            }
            Asked::Watch { resource } => {
                let from = self.query.get("resourceVersion").map_or("", String::as_str);
                format!("watch {resource:?} from \"{from}\"")
            }
            Asked::Get(key) => format!("get {key}"),
            Asked::Create(key) => format!("create {key}"),
            Asked::Replace(key) => format!("replace {key}"),
            Asked::Patch(key) => format!("patch {key} with {}", self.body),
            Asked::PatchStatus(key) => format!("patch the status of {key} with {}", self.body),
            Asked::Delete(key) => format!("delete {key} with {}", self.body),
            Asked::Access => format!("ask for access {}", self.body["spec"]["resourceAttributes"]),
            Asked::Event { namespace, name } => {
                format!("event in {namespace} {}", name.as_deref().unwrap_or_default())
            }
            Asked::Registration => "get the registration".to_owned(),
        }
    }
}

fn query(text: &str) -> BTreeMap<String, String> {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn asked(
    method: &Method,
    path: &str,
    query: &BTreeMap<String, String>,
    body: &Value,
) -> Option<Asked> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let name_in_body = || body["metadata"]["name"].as_str().unwrap_or_default();
    let watches = query.get("watch").is_some_and(|value| matches!(value.as_str(), "1" | "true"));
    let of = |resource: Resource, namespace: Option<&str>, name: Option<&str>| {
        let key = |name: &str| Key::new(resource, namespace.unwrap_or_default(), name);
        Some(match (method.as_str(), name) {
            ("GET", None) if watches => Asked::Watch { resource },
            ("GET", None) => Asked::List { resource, namespace: namespace.map(str::to_owned) },
            ("GET", Some(name)) => Asked::Get(key(name)),
            ("POST", None) => Asked::Create(key(name_in_body())),
            ("PUT", Some(name)) => Asked::Replace(key(name)),
            ("PATCH", Some(name)) => Asked::Patch(key(name)),
            ("DELETE", Some(name)) => Asked::Delete(key(name)),
            _ => return None,
        })
    };
    let kind = |plural: &str| match plural {
        "jobs" => Some(Resource::Jobs),
        "cronjobs" => Some(Resource::CronJobs),
        "leases" => Some(Resource::Leases),
        _ => None,
    };
    match parts.as_slice() {
        ["api", "v1", "namespaces"] => of(Resource::Namespaces, None, None),
        ["apis", "batch", "v1", plural] => of(kind(plural)?, None, None),
        ["apis", "events.k8s.io", "v1", "namespaces", namespace, "events", name @ ..] => {
            let name = name.first().map(|name| (*name).to_owned());
            Some(Asked::Event { namespace: (*namespace).to_owned(), name })
        }
        ["apis", "batch" | "coordination.k8s.io", "v1", "namespaces", namespace, plural] => {
            of(kind(plural)?, Some(namespace), None)
        }
        ["apis", "batch" | "coordination.k8s.io", "v1", "namespaces", namespace, plural, name] => {
            of(kind(plural)?, Some(namespace), Some(name))
        }
        ["apis", "batch", "v1", "namespaces", namespace, plural, name, "status"]
            if method == Method::PATCH =>
        {
            Some(Asked::PatchStatus(Key::new(kind(plural)?, namespace, name)))
        }
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => Some(Asked::Access),
        ["apis", "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", _] => {
            Some(Asked::Registration)
        }
        _ => None,
    }
}
